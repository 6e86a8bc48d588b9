"""The parts a page is laid out with: headers, cards, facts, figures, lists and states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.templatetags.ui.library import component, icon, register, trimmed
from config.templatetags.ui.text import ago

NOTICE_ICONS = {
    "info": "info-circle",
    "ok": "circle-check",
    "warn": "alert-triangle",
    "bad": "alert-circle",
}


@register.simple_tag
def breadcrumbs(*steps: str) -> SafeString:
    """Show the way here: label and address in turn, the last label without an address.

    {% url "licenses" as licenses_url %}{% breadcrumbs "Licenses" licenses_url license.name %}
    """
    if len(steps) % 2 == 0:
        raise template.TemplateSyntaxError("breadcrumbs: label, address, ..., last label")
    pairs = list(zip(steps[0:-1:2], steps[1::2], strict=True))
    return component("breadcrumbs", steps=pairs, here=steps[-1])


@register.simple_block_tag
def page_header(
    content: str, title: str, subtitle: str = "", pill: str = "", crumbs: str = ""
) -> SafeString:
    """Head a page with its one h1; the block holds the actions, which may be none.

    {% breadcrumbs "Licenses" licenses_url license.name as crumbs %}
    {% status license.status as pill %}
    {% page_header license.name subtitle="Team plan" pill=pill crumbs=crumbs %}
      {% link_button "Renew" renew_url tone="primary" %}
    {% endpage_header %}
    """
    return component(
        "page_header",
        title=title,
        subtitle=subtitle,
        pill=pill,
        crumbs=crumbs,
        actions=trimmed(content),
    )


@register.simple_block_tag
def card(
    content: str,
    title: str = "",
    subtitle: str = "",
    flush: bool = False,
    actions: str = "",
    tone: str = "",
    id: str = "",
) -> SafeString:
    """Frame a part of the page. `flush` leaves the padding to tables, facts, rows and panels.

    {% card "Usage" "Per day" %}...{% endcard %}
    {% card "Details" flush=True %}{% facts %}...{% endfacts %}{% endcard %}
    {% card "Danger zone" flush=True tone="danger" %}{% panel ... %}{% endcard %}
    """
    return component(
        "card",
        title=title,
        subtitle=subtitle,
        flush=flush,
        actions=actions,
        tone=tone,
        id=id,
        content=content,
    )


@register.simple_block_tag
def card_foot(content: str) -> SafeString:
    """End a card with a line of links: {% card_foot %}<a href="...">All</a>{% endcard_foot %}"""
    return format_html('<div class="card-foot">{}</div>', content)


@register.simple_block_tag
def panel(content: str, title: str, text: str = "") -> SafeString:
    """Set one decision beside its button, in a flush card; several stack.

    {% panel "Delete this server" "Its disk goes too." %}{% dialog_button ... %}{% endpanel %}
    """
    return component("panel", title=title, text=text, content=trimmed(content))


@register.simple_block_tag
def empty_state(content: str, icon: str, title: str, text: str = "", level: int = 2) -> SafeString:
    """Say that nothing is here, and in the block what to do about it.

    {% empty_state "key" "No API keys yet" "A key lets a program act for you." %}
      {% link_button "Create key" create_url tone="primary" %}
    {% endempty_state %}
    """
    return component(
        "empty_state", icon=icon, title=title, text=text, level=level, actions=trimmed(content)
    )


@register.simple_block_tag
def facts(content: str) -> SafeString:
    """List facts in a flush card: {% facts %}{% fact "Plan" %}Team{% endfact %}{% endfacts %}"""
    return format_html('<dl class="facts">{}</dl>', content)


@register.simple_block_tag
def fact(content: str, label: str) -> SafeString:
    """State one fact inside facts: {% fact "Expires" %}{% moment at %}{% endfact %}"""
    return format_html("<dt>{}</dt><dd>{}</dd>", label, content)


@register.simple_block_tag
def stats(content: str) -> SafeString:
    """Lay figures side by side: {% stats %}{% stat ... %}{% stat ... %}{% endstats %}"""
    return format_html('<div class="stats">{}</div>', content)


@register.simple_tag
def stat(
    label: str, value: Any, of: Any = "", detail: str = "", url: str = "", graph: str = ""
) -> SafeString:
    """Show one figure; `graph` takes a spark or a meter made before it.

    {% spark history as line %}
    {% stat "Devices online" 318 of=351 detail="33 offline" url=devices_url graph=line %}
    """
    return component("stat", label=label, value=value, of=of, detail=detail, url=url, graph=graph)


@register.simple_tag
def attention(
    items: Iterable[Mapping[str, Any]], title: str = "Needs attention", clear: str = "All clear"
) -> SafeString:
    """List what needs a person, worst first, or say that nothing does.

    Items have `title`, `text`, `url` and `action` (the words on the button).

    {% attention items clear="All clear: nothing needs you." %}
    """
    return component("attention", items=list(items), title=title, clear=clear)


@register.simple_block_tag
def tabs(content: str, label: str, boost: bool = False) -> SafeString:
    """Name the sections of a page or the states of a list; each tab is a real address.

    `boost` swaps only the list around it; use it inside list_box.

    {% tabs "License" %}{% tab "Overview" here True %}{% tab "Devices" url count=3 %}{% endtabs %}
    """
    return component("tabs", label=label, content=content, boost=boost, kind="tabs")


@register.simple_block_tag
def segments(content: str, label: str) -> SafeString:
    """Choose one of a few views: {% segments "Range" %}{% tab "7 days" "?range=7d" True %}..."""
    return component("tabs", label=label, content=content, boost=False, kind="segments")


@register.simple_tag
def tab(
    label: str,
    url: str,
    current: Any = False,
    key: str | None = None,
    count: int | None = None,
    is_more: bool = False,
) -> SafeString:
    """Make one entry of tabs or segments; with a key it is current when `current` equals it.

    With `is_more` the count is the least that there is: 10,000+.

    {% tab "Devices" devices_url True %}  {% tab "Paid" "?status=paid" status key="paid" count=12 %}
    """
    chosen = bool(current) if key is None else current == key
    return component("tab", label=label, url=url, current=chosen, count=count, is_more=is_more)


@register.simple_block_tag
def timeline(content: str, id: str = "") -> SafeString:
    """List what happened, newest first: {% timeline %}{% event ... %}{% endtimeline %}"""
    name = format_html(' id="{}"', id) if id else ""
    return format_html('<ol class="timeline"{}>{}</ol>', name, content)


@register.simple_tag
def event(title: str, at: datetime | None = None, by: str = "", tone: str = "") -> SafeString:
    """Tell one thing that happened; tone is ok, warn, bad, busy or nothing.

    {% event "License issued" at=entry.at by="Jo Meyer" tone="ok" %}
    """
    when: SafeString | str = ago(at) if at else ""
    return component("event", title=title, when=when, by=by, tone=tone)


@register.simple_block_tag
def notice(content: str, tone: str = "info", title: str = "", live: bool = False) -> SafeString:
    """Say something the page depends on; tone is info, ok, warn or bad.

    `live` has screen readers speak it when it appears later.

    {% notice "warn" "Payment failed" %}We try again on 24 November.{% endnotice %}
    """
    return component(
        "notice",
        tone=tone,
        title=title,
        content=content,
        live=live,
        icon=NOTICE_ICONS[tone],
    )


@register.simple_block_tag
def rows(content: str) -> SafeString:
    """List short things in a flush card: {% rows %}{% row ... %}...{% endrow %}{% endrows %}"""
    return format_html('<ul class="rows">{}</ul>', content)


@register.simple_block_tag
def row(content: str, title: str, url: str = "", text: str = "") -> SafeString:
    """Name one thing; the block holds what stands at the end of the line.

    {% row server.name server.url "Falkenstein" %}{% status server.status %}{% endrow %}
    """
    return component("row", title=title, url=url, text=text, content=content)


@register.simple_block_tag
def buttons(content: str) -> SafeString:
    """Keep buttons in one line: {% buttons %}{% button ... %}{% link_button ... %}{% endbuttons %}"""
    return format_html('<div class="buttons">{}</div>', content)


@register.simple_tag
def icon_tile(name: str, tone: str = "") -> SafeString:
    """Set an icon in a tinted square above a bare page's heading: {% icon_tile "mail" "ok" %}"""
    shape = f" is-{tone}" if tone else ""
    return format_html('<div class="bare-icon{}">{}</div>', shape, icon(name, "icon-lg"))
