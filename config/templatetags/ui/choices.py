"""What a person is offered: goals, plans, and the steps that are done or still to do."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.templatetags.ui.library import component, register, trimmed

STEP_ICONS = {"done": "circle-check", "busy": "loader-2", "todo": "circle", "bad": "circle-x"}


@register.simple_block_tag
def tiles(content: str) -> SafeString:
    """Offer a few large choices: {% tiles %}{% tile ... %}{% tile ... %}{% endtiles %}"""
    return format_html('<ul class="tiles">{}</ul>', content)


@register.simple_tag
def tile(title: str, url: str, icon: str, text: str = "") -> SafeString:
    """Make one choice: {% tile "License an app" catalogue_url "license" "Keys and seats" %}"""
    return component("tile", title=title, url=url, icon=icon, text=text)


@register.simple_block_tag
def plans(content: str) -> SafeString:
    """Set plans side by side: {% plans %}{% plan ... %}...{% endplan %}{% endplans %}"""
    return format_html('<div class="plans">{}</div>', content)


@register.simple_block_tag
def plan(
    content: str,
    name: str,
    price: str,
    per: str = "",
    text: str = "",
    features: Sequence[str] = (),
    featured: str = "",
    level: int = 2,
) -> SafeString:
    """Offer a plan; the block holds its button, `featured` a word such as "Popular".

    {% plan plan.name plan.price|money per="a month" features=plan.features %}
      {% link_button "Choose Team" url tone="primary" %}
    {% endplan %}
    """
    return component(
        "plan",
        name=name,
        price=price,
        per=per,
        text=text,
        features=features,
        featured=featured,
        level=level,
        actions=trimmed(content),
    )


@register.simple_block_tag
def checklist(content: str) -> SafeString:
    """Show steps in a flush card: {% checklist %}{% step ... %}{% step ... %}{% endchecklist %}"""
    return format_html('<ol class="checklist">{}</ol>', content)


@register.simple_tag
def step(
    title: str, state: str = "todo", text: str = "", url: str = "", action: str = ""
) -> SafeString:
    """Show one step; state is done, busy, todo or bad.

    {% step "Confirm your e-mail" "done" %}
    {% step "Invite a colleague" text="Bob is free." url=invite_url action="Invite" %}
    """
    return component(
        "step", title=title, state=state, text=text, url=url, action=action, icon=STEP_ICONS[state]
    )
