"""What the tag modules share: the library, the renderer of components, icons and attributes."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.forms.utils import flatatt
from django.template.loader import get_template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

SPRITE = Path(__file__).resolve().parents[3] / "static" / "vendor" / "icons.svg"


def component(name: str, /, **arguments: Any) -> SafeString:
    """Render templates/components/<name>.html with these arguments and nothing else."""
    return SafeString(get_template(f"components/{name}.html").render(arguments))


def trimmed(content: str) -> SafeString:
    """Return what a block rendered without the space around it, so that an empty one is false."""
    return mark_safe(content.strip())  # noqa: S308  rendered, so escaped where it had to be


def attributes(extra: dict[str, Any]) -> SafeString:
    """Turn keyword arguments into HTML attributes: `hx_get=url` becomes `hx-get="..."`.

    None and False leave the attribute out, True writes it bare.
    """
    named = {name.strip("_").replace("_", "-"): value for name, value in extra.items()}
    return flatatt({name: value for name, value in named.items() if value is not None})


@lru_cache(maxsize=1)
def icon_names() -> frozenset[str]:
    return frozenset(re.findall(r'<symbol id="([\w-]+)"', SPRITE.read_text(encoding="utf-8")))


@register.simple_tag
def icon(name: str, cls: str = "", label: str = "") -> SafeString:
    """Draw an icon of the sprite; without a label it is hidden from screen readers.

    An unknown name raises, so that a typing error never ships as an empty square.

    {% icon "key" %}  {% icon "lock" "icon-sm" label="Encrypted" %}
    """
    if name not in icon_names():
        raise template.TemplateSyntaxError(f"icon {name!r} is not in static/vendor/icons.svg")
    if label:
        spoken = format_html('role="img" aria-label="{}"', label)
    else:
        spoken = mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="icon{}" {}><use href="{}#{}"></use></svg>',
        f" {cls}" if cls else "",
        spoken,
        static("vendor/icons.svg"),
        name,
    )
