"""Templates obey the strict CSP and the design system: nothing inline, no raw controls, known icons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template, render_to_string

from config.templatetags.ui import register
from config.templatetags.ui.library import icon_names

TEMPLATES = settings.BASE_DIR / "templates"
PAGES = sorted(TEMPLATES.rglob("*.html"))
# The back office is unfold's: another look under another CSP, in another process.
OURS = [
    page for page in PAGES if page.relative_to(TEMPLATES).parts[0] not in {"admin", "backoffice"}
]
MAIL = "email"
RAW_CONTROL = re.compile(r"<(button|table|input|select|textarea)\b", re.IGNORECASE)
INLINE_SCRIPT = re.compile(
    r"<script\b(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE
)
HANDLER = re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.IGNORECASE)
STYLE = re.compile(r"<[a-z][^>]*\sstyle\s*=", re.IGNORECASE)
DATE = re.compile(r"\|\s*(?:date|time)\b")
TRUSTED = re.compile(r"\|\s*safe(?:seq)?\b|autoescape\s+off")
ICON = re.compile(r"""(?:{% icon |\bicon(?:_tile)? ?=? ?)["']([\w-]+)["']""")


def name(page: Path) -> str:
    return page.relative_to(TEMPLATES).as_posix()


def is_component(page: Path) -> bool:
    return name(page).startswith(("components/", "django/forms/", "base"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_template_compiles(page: Path) -> None:
    get_template(name(page))


@pytest.mark.parametrize("page", OURS, ids=name)
def test_a_template_has_nothing_inline(page: Path) -> None:
    source = page.read_text()
    assert not STYLE.search(source), "style="
    assert not HANDLER.search(source), "an event handler as an attribute"
    assert not INLINE_SCRIPT.search(source), "an inline script"
    assert "javascript:" not in source
    assert MAIL in page.parent.name or "<style" not in source


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_template_escapes_what_it_is_given(page: Path) -> None:
    assert not TRUSTED.search(page.read_text()), "markup comes from format_html, which escapes"


@pytest.mark.parametrize("page", OURS, ids=name)
def test_a_date_is_written_as_its_reader_does(page: Path) -> None:
    # A mail goes to somebody whose way is not known; it says its time zone.
    assert MAIL in page.parent.name or not DATE.search(page.read_text()), "use the tag moment"


@pytest.mark.parametrize("page", OURS, ids=name)
def test_raw_controls_and_tables_stand_only_in_components(page: Path) -> None:
    if not is_component(page):
        assert not RAW_CONTROL.search(page.read_text()), "use the ui tags, see docs/ui.md"


@pytest.mark.parametrize("page", OURS, ids=name)
def test_every_icon_named_in_a_template_exists(page: Path) -> None:
    assert set(ICON.findall(page.read_text())) <= icon_names()


@pytest.mark.parametrize("page", OURS, ids=name)
def test_no_page_brings_a_stylesheet_or_another_host(page: Path) -> None:
    source = page.read_text()
    # The API's documentation is Swagger UI, which has a look of its own.
    if not is_component(page) and page.parent.name != "drf_spectacular":
        assert 'rel="stylesheet"' not in source
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", source)


def test_the_patterns_above_find_what_they_look_for() -> None:
    assert STYLE.search('<p class="a" style="color:red">')
    assert HANDLER.search("<a onclick='x()'>")
    assert INLINE_SCRIPT.search("<script>x()</script>")
    assert not INLINE_SCRIPT.search('<script src="/x.js" defer></script>')
    assert not INLINE_SCRIPT.search('<script id="a" type="application/json">')
    assert DATE.search('{{ day|date:"j M Y" }}')
    assert TRUSTED.search("{{ note|safe }}")
    assert TRUSTED.search("{% autoescape off %}")
    assert ICON.findall('{% icon "a" %} {% button "B" icon="c" %} {% icon_tile "d" %}') == [
        "a",
        "c",
        "d",
    ]


@pytest.mark.parametrize("status", ["500", "503"])
def test_an_outage_page_needs_neither_request_nor_database(status: str) -> None:
    page = render_to_string(f"errors/{status}.html", {"request_id": "0193-abc"})
    assert "0193-abc" in page
    assert "<h1>" in page


def test_the_page_on_components_names_every_tag() -> None:
    page = (settings.BASE_DIR / "docs" / "ui.md").read_text()
    for tag in {*register.tags, *register.filters}:
        assert f"### {tag}\n" in page, tag
