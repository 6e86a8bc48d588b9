"""Lists: the frame that htmx swaps, filters, tables, sorting, bulk selection and pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page
from django.http import HttpRequest
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.kit.lists import SIZES
from config.templatetags.ui.library import component, icon, register, trimmed


def _request(context: Context) -> HttpRequest:
    request: HttpRequest = context["request"]
    return request


@register.simple_tag(takes_context=True)
def qs(context: Context, **changes: Any) -> str:
    """Return this page's query string with changes; None or "" removes a parameter.

    <a href="{% qs status="paid" page=None %}">Paid</a>
    """
    return _query(_request(context), changes)


def _query(request: HttpRequest, changes: Mapping[str, Any]) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"


def _kept(request: HttpRequest, names: str) -> list[tuple[str, str]]:
    return [(name, request.GET[name]) for name in names.split() if request.GET.get(name)]


@register.simple_block_tag
def list_box(content: str, id: str) -> SafeString:
    """Frame a list; filters, tabs, sorting and pages inside it swap only the frame.

    The view may answer with the whole page or with this frame alone.

    {% list_box "licenses" %}{% tabs ... %}{% filters %}...{% table ... %}{% pagination page %}...
    """
    return component("list_box", id=id, content=content)


@register.simple_block_tag
def table(
    content: str, caption: str, stack: bool = True, dense: bool = False, scroll: bool = False
) -> SafeString:
    """Make a table with a caption for screen readers; the block holds thead and tbody.

    On a phone rows become cards (`stack`): name every cell with data-label, mark the first with
    cell-main, row actions with cell-actions, and what a phone can do without with cell-minor.

    {% table "Invoices, 12 results" %}
      <thead><tr>{% sort_th "number" "Number" %}{% th "Total" "num" %}</tr></thead>
      <tbody><tr><th scope="row" class="cell-main">...</th>
        <td data-label="Total" class="num">...</td></tr></tbody>
    {% endtable %}
    """
    return component(
        "table", caption=caption, stack=stack, dense=dense, scroll=scroll, content=content
    )


@register.simple_tag
def th(label: str, cls: str = "", hide_label: bool = False) -> SafeString:
    """Head a column: {% th "Total" "num" %}  {% th "Actions" "cell-actions" hide_label=True %}"""
    shown = format_html('<span class="visually-hidden">{}</span>', label) if hide_label else label
    return format_html('<th scope="col" class="{}">{}</th>', cls, shown)


@register.simple_tag(takes_context=True)
def sort_th(
    context: Context, field: str, label: str, cls: str = "", default: str = ""
) -> SafeString:
    """Head a column that sorts by `field` in ?sort=; `default` is the order without it.

    {% sort_th "created_at" "Created" default="-created_at" %}
    """
    current = _request(context).GET.get("sort", default)
    direction = {field: "ascending", f"-{field}": "descending"}.get(current, "none")
    mark = {"ascending": "chevron-up", "descending": "chevron-down"}.get(direction, "selector")
    return component(
        "sort_th",
        label=label,
        cls=cls,
        direction=direction,
        url=qs(context, sort=f"-{field}" if direction == "ascending" else field, page=None),
        mark=icon(mark, "icon-sm sort-mark"),
    )


@register.simple_tag(takes_context=True)
def pagination(context: Context, page: Page[Any], noun: str = "") -> SafeString:
    """Page through a list: {% pagination page "licenses" %}"""
    numbers = [
        (number, qs(context, page=number) if isinstance(number, int) else "")
        for number in page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    ]
    sizes = [(size, qs(context, size=size, page=None)) for size in SIZES]
    return component(
        "pagination",
        page=page,
        sizes=sizes if page.paginator.count > SIZES[0] else [],
        noun=noun,
        numbers=numbers,
        previous=qs(context, page=page.previous_page_number()) if page.has_previous() else "",
        next=qs(context, page=page.next_page_number()) if page.has_next() else "",
    )


@register.simple_block_tag(takes_context=True)
def filters(context: Context, content: str, label: str, keep: str = "status sort") -> SafeString:
    """Filter a list by GET; `keep` names parameters that the form carries along.

    {% filters "Filter licenses" %}{% search_field "Key or product" %}{% endfilters %}
    """
    request = _request(context)
    kept = _kept(request, f"{keep} size")
    unnamed = {*keep.split(), "page", "size"}
    filtered = {name for name, value in request.GET.items() if value} - unnamed
    return component(
        "filters",
        label=label,
        kept=kept,
        content=content,
        path=request.path,
        clear=f"{request.path}?{urlencode(kept)}" if filtered else "",
    )


@register.simple_tag(takes_context=True)
def search_field(context: Context, placeholder: str, name: str = "q") -> SafeString:
    """Search the list: {% search_field "Key or product" %}"""
    value = _request(context).GET.get(name, "")
    return component("search_field", name=name, value=value, placeholder=placeholder)


@register.simple_tag(takes_context=True)
def date_field(context: Context, label: str, name: str) -> SafeString:
    """Narrow the list to days: {% date_field "From" "since" %}"""
    value = _request(context).GET.get(name, "")
    return component("date_field", name=name, value=value, label=label)


@register.simple_block_tag(takes_context=True)
def more_filters(
    context: Context, content: str, names: str, label: str = "More filters"
) -> SafeString:
    """Fold the filters that few need; `names` are theirs, and one that is in use opens the fold.

    {% more_filters "since until" %}{% date_field "From" "since" %}{% endmore_filters %}
    """
    is_open = any(_request(context).GET.get(name) for name in names.split())
    return component("more_filters", label=label, content=trimmed(content), open=is_open)


@register.simple_tag(takes_context=True)
def select_filter(
    context: Context, name: str, label: str, options: Iterable[tuple[str, str]]
) -> SafeString:
    """Narrow the list to one value: {% select_filter "product" "Any product" products %}"""
    value = _request(context).GET.get(name, "")
    pairs = [(str(key), text) for key, text in options]
    return component("select_filter", name=name, label=label, options=pairs, value=value)


@register.simple_block_tag(takes_context=True)
def bulk_form(
    context: Context, content: str, action: str, keep: str = "q status sort"
) -> SafeString:
    """Wrap a table whose rows can be selected; `keep` names the filters that go along.

    Only those: a link from elsewhere must not be able to fill in "all" or an action.

    {% bulk_form bulk_url keep="q status" %}{% bulk_bar page.paginator.count %}{% button "Suspend" size="sm"
    name="action" value="suspend" %}{% endbulk_bar %}{% table ... %}{% endbulk_form %}
    """
    return component(
        "bulk_form",
        action=action,
        kept=_kept(_request(context), keep),
        content=content,
        csrf_token=context.get("csrf_token"),
    )


@register.simple_block_tag
def bulk_bar(content: str, total: int) -> SafeString:
    """Show the actions on the selection; `total` counts all rows that match the filters."""
    return component("bulk_bar", total=total, content=content)


@register.simple_tag
def check_all() -> SafeString:
    """Head the column of checkboxes: <tr>{% check_all %}{% sort_th ... %}</tr>"""
    return component("check_all")


@register.simple_tag
def check_row(value: Any, label: str) -> SafeString:
    """Let a row be selected: <tr>{% check_row device.pk device.name %}...</tr>"""
    return component("check_row", value=value, label=label)
