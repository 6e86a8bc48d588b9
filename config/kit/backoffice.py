"""What every staff page shares: it looks, it asks before it acts, and acts on POST only.

unfold's own actions are GET links that check nothing. Here an action is an `AskedAction`: it
names its permission, shows a page that says what will happen and to how many, and then calls a
service that leaves its trace in the audit trail.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets, SimpleListFilter
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from config.kit.errors import DomainError

BULK_LIMIT = 500
EXPORT_LIMIT = 50_000
COUNT_LIMIT = 10_000
TRAIL = "admin:accounts_auditlog_changelist"

# Colours of every status in the house: a word means the same on each page.
TONES = {
    "active": "ok", "paid": "ok", "succeeded": "ok", "completed": "ok",
    "handled": "ok", "online": "ok",
    "trial": "info", "open": "info", "ordered": "info", "requested": "info", "sending": "info",
    "pending": "info", "waiting": "info", "draft": "info",
    "past_due": "warn", "paused": "warn", "suspended": "warn", "unknown": "warn",
    "requires_action": "warn", "retrying": "warn", "grace": "warn",
    "failed": "bad", "revoked": "bad", "expired": "bad",
}  # fmt: skip


def _always(_: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class AskedAction:
    """One thing staff may do to a row: asked on a page, done by a service, on POST only.

    `effect` is the sentence the page shows. `work` takes the row and the reason; it raises a
    `DomainError` to refuse. `applies` hides the action where it would do nothing.
    """

    name: str
    title: str
    permission: str
    effect: str
    work: Callable[[Any, str], object]
    applies: Callable[[Any], bool] = _always
    needs_reason: bool = True
    danger: bool = False
    icon: str = "bolt"


@dataclass(frozen=True, slots=True)
class Export:
    """A CSV of the chosen rows. `record` writes the fact of the export to the audit trail."""

    permission: str
    columns: dict[str, str]
    record: Callable[..., object]
    name: str = "export_csv"
    title: str = "Export as CSV"


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A question staff ask of a list every day: the index counts it, the list filters by it."""

    name: str
    title: str
    narrow: Callable[[Any, datetime], Any]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        help_text="Kept in the audit trail for good: name no secret and no personal detail.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class CappedPaginator(Paginator):
    """Counts to 10,000 and no further, so that a list of millions opens at once."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[:COUNT_LIMIT].count()


class AttentionFilter(SimpleListFilter):
    """The list's `NamedSet`s as a filter."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(wanted.name, wanted.title) for wanted in model_admin.attention]

    def __init__(self, request: Any, params: Any, model: Any, model_admin: Any) -> None:
        self.sets = {wanted.name: wanted for wanted in model_admin.attention}
        super().__init__(request, params, model, model_admin)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = self.sets.get(self.value() or "")
        return wanted.narrow(queryset, now()) if wanted else queryset


class TextFilter(SimpleListFilter):
    """A filter with a box to type into; `narrow` receives the text."""

    template = "backoffice/filter_text.html"
    placeholder = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterable[dict[str, Any]]:
        yield {"value": self.value() or "", "name": self.parameter_name, "hint": self.placeholder}

    def get_facet_counts(self, pk_attname: str, filtered_qs: Any) -> dict[str, Any]:
        return {}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        text = (self.value() or "").strip().replace("\x00", "")
        return self.narrow(queryset, text) if text else queryset

    def narrow(self, queryset: Any, text: str) -> Any:
        raise NotImplementedError


class StaffAdmin(ModelAdmin):
    """A list and a page to look at. Whatever changes is an `AskedAction`."""

    asked_actions: ClassVar[tuple[AskedAction, ...]] = ()
    export: ClassVar[Export | None] = None
    attention: ClassVar[tuple[NamedSet, ...]] = ()
    # Each returns the keys of rows that a word finds in another table: a join would need DISTINCT
    # over every column, which is ten times slower on a long list.
    search_elsewhere: ClassVar[tuple[Callable[[str], Any], ...]] = ()
    # What holders of the change and add permissions may type; everything else is guarded.
    editable_fields: ClassVar[tuple[str, ...]] = ()
    fields_when_adding: ClassVar[tuple[str, ...]] = ()
    may_add: ClassVar[bool] = False

    list_per_page = 50
    list_max_show_all = 50
    show_facets = ShowFacets.ALLOW
    list_filter_submit = True
    list_fullwidth = True
    # unfold's checks look actions' permissions up in auth_permission; ours are code.
    checks_class: Any = ModelAdminChecks

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        self._asked = {asked.name: self._page_of(asked) for asked in self.asked_actions}
        self.actions_detail: Any = tuple(self._asked)
        super().__init__(model, admin_site)

    # Who may do what

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.editable_fields) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        stated = super().get_readonly_fields(request, obj)
        open_fields = {*self.editable_fields, *(() if obj else self.fields_when_adding)}
        guarded = [field.name for field in self.opts.fields if field.name not in open_fields]
        return [*stated, *(name for name in guarded if name not in stated)]

    def get_search_results(self, request: HttpRequest, queryset: Any, text: str) -> Any:
        """Find a row by its whole id, else by words: each must be somewhere in the row."""
        key = as_uuid(text.strip())
        if key is not None and isinstance(self.opts.pk, models.UUIDField):
            return queryset.filter(pk=key), False
        if not self.search_elsewhere:
            return super().get_search_results(request, queryset, text)
        for word in text.split():
            found = Q()
            for field in self.get_search_fields(request):
                found |= Q(**{f"{field}__icontains": word})
            for find in self.search_elsewhere:
                found |= Q(pk__in=find(word))
            queryset = queryset.filter(found)
        return queryset, False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(getattr(field, "widget", None), forms.Textarea):
            field.widget.attrs["rows"] = 4
        return field

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        stated = super().get_list_filter(request)
        return [AttentionFilter, *stated] if self.attention else stated

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show the audit trail of the row: it also knows what happened outside the admin."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        about = {"entity_type": self.opts.db_table, "entity_id": unquote(object_id)}
        return HttpResponseRedirect(f"{reverse(TRAIL)}?{urlencode(about)}")

    # Actions

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the asked actions and the export to those who hold their permission, only them."""
        offered: dict[str, Any] = {}
        for asked in self.asked_actions:
            if request.user.has_perm(asked.permission):
                run = partial(_ask_about_many, asked=asked)
                offered[asked.name] = (run, asked.name, asked.title)
        if self.export is not None and request.user.has_perm(self.export.permission):
            run = partial(_ask_for_export, export=self.export)
            offered[self.export.name] = (run, self.export.name, self.export.title)
        return offered

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        offered = super().get_actions_detail(request, object_id)
        row = self.get_object(request, unquote(str(object_id))) if offered else None
        fitting = {asked.name for asked in self.asked_actions if row and asked.applies(row)}
        return [action for action in offered if action.path in fitting]

    def _get_instance_method(self, method_name: str) -> Callable[..., Any]:
        return self._asked.get(method_name) or super()._get_instance_method(method_name)

    def _page_of(self, asked: AskedAction) -> Callable[..., HttpResponse]:
        """Make the view behind the button of one row, in the shape unfold expects."""

        def page(request: HttpRequest, object_id: str) -> HttpResponse:
            return _ask_about_one(self, request, object_id, asked)

        page.__name__ = asked.name
        page.allowed_permissions = (asked.permission,)
        page.short_description = asked.title
        page.url_path = asked.name
        page.attrs = {}
        page.icon = asked.icon
        page.variant = ActionVariant.DEFAULT
        return page


def as_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def tag(word: str, text: str) -> SafeString:
    """Write a state in its colour, for lists, rows of other pages and read-only fields alike."""
    return format_html('<span class="bo-tag bo-{}">{}</span>', TONES.get(word, "plain"), text)


def row_link(row: models.Model, text: object) -> SafeString:
    """Link to the page of a row."""
    options = row._meta
    name = f"admin:{options.app_label}_{options.model_name}_change"
    address = reverse(name, args=[quote(row.pk)])
    return format_html('<a href="{}" class="bo-link">{}</a>', address, text)


@display(description="Status", ordering="status")
def status_column(page: Any, row: Any) -> SafeString:
    """A status in the colour that its word has everywhere: `state = status_column` in a page."""
    return tag(row.status, row.get_status_display())


class StaffInline(TabularInline):
    """Rows of another table shown on a page, to look at."""

    extra = 0
    max_num = 0
    can_delete = False
    tab = True
    per_page: Any = 20
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _ask_about_one(
    page: StaffAdmin, request: HttpRequest, object_id: str, asked: AskedAction
) -> HttpResponse:
    if not request.user.has_perm(asked.permission):
        raise PermissionDenied
    row = page.get_object(request, unquote(object_id))
    if row is None:
        raise Http404
    rows = [row] if asked.applies(row) else []
    back = reverse(_name(page, "change"), args=[quote(row.pk)])
    confirmed = request.method == "POST"
    form = ReasonForm(request.POST if confirmed else None) if asked.needs_reason else None
    if confirmed and (form is None or form.is_valid()):
        _carry_out(page, request, asked, rows, form.cleaned_data["reason"] if form else "")
        return HttpResponseRedirect(back)
    return _question(page, request, asked, rows=rows, form=form, total=1, back=back)


def _ask_about_many(
    page: StaffAdmin, request: HttpRequest, queryset: Any, *, asked: AskedAction
) -> HttpResponse | None:
    """Run as one of Django's list actions: the first POST asks, the second does it."""
    chosen = list(queryset[: BULK_LIMIT + 1])
    if len(chosen) > BULK_LIMIT:
        messages.error(request, f"At most {BULK_LIMIT} rows at a time. Narrow the filter.")
        return None
    confirmed = "confirmed" in request.POST
    form = ReasonForm(request.POST if confirmed else None) if asked.needs_reason else None
    rows = [row for row in chosen if asked.applies(row)]
    if confirmed and (form is None or form.is_valid()):
        _carry_out(page, request, asked, rows, form.cleaned_data["reason"] if form else "")
        return None
    back = request.get_full_path()
    return _question(page, request, asked, rows=rows, form=form, total=len(chosen), back=back)


def _carry_out(
    page: StaffAdmin, request: HttpRequest, asked: AskedAction, rows: list[Any], reason: str
) -> None:
    """Do the work row by row; a row that refuses is named and does not stop the others."""
    done = 0
    for row in rows:
        try:
            with transaction.atomic():
                asked.work(row, reason)
        except DomainError as refusal:
            messages.error(request, f"{row}: {refusal.detail}")
        else:
            done += 1
    if done:
        noun = page.opts.verbose_name if done == 1 else page.opts.verbose_name_plural
        messages.success(request, f"{asked.title}: done for {done} {noun}.")


def _question(
    page: StaffAdmin,
    request: HttpRequest,
    asked: AskedAction | Export,
    *,
    form: ReasonForm | None,
    total: int,
    back: str,
    rows: list[Any],
    effect: str = "",
) -> HttpResponse:
    facts = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": asked.title,
        "asked": asked,
        "effect": effect or getattr(asked, "effect", ""),
        "danger": getattr(asked, "danger", False),
        "form": form,
        "total": total,
        "count": len(rows) if rows or not effect else total,
        "skipped": total - len(rows) if not effect else 0,
        "rows": rows[:20],
        "unseen": max(0, len(rows) - 20),
        "back": back,
        "hidden": _carried(request),
    }
    status = 422 if form is not None and form.is_bound else 200
    return TemplateResponse(request, "backoffice/confirm.html", facts, status=status)


def _carried(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the fields that name the chosen rows, for the second POST of a list action."""
    names = ("action", "select_across", "index", ACTION_CHECKBOX_NAME)
    return [(name, value) for name in names for value in request.POST.getlist(name)]


def _ask_for_export(
    page: StaffAdmin, request: HttpRequest, queryset: Any, *, export: Export
) -> HttpResponse | None:
    total = queryset.count()
    if total > EXPORT_LIMIT:
        messages.error(request, f"At most {EXPORT_LIMIT:,} rows at a time. Narrow the filter.")
        return None
    if "confirmed" in request.POST:
        return _csv(page, request, queryset, export)
    effect = "The file leaves the back office; who took it, when and how many rows is recorded."
    back = request.get_full_path()
    return _question(
        page, request, export, form=None, total=total, back=back, rows=[], effect=effect
    )


def _csv(page: StaffAdmin, request: HttpRequest, queryset: Any, export: Export) -> HttpResponse:
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(export.columns)
    rows = 0
    for values in queryset.values_list(*export.columns.values()).iterator(chunk_size=2000):
        writer.writerow([harmless(value) for value in values])
        rows += 1
    name = page.opts.model_name
    export.record(f"{name}.exported", request.user, table=page.opts.db_table, rows=rows)
    response = HttpResponse(sheet.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{now():%Y%m%d-%H%M}.csv"'
    return response


def harmless(value: Any) -> Any:
    """Keep spreadsheets from running what a customer typed: =, +, -, @ and friends start a text."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, str) and value.lstrip(" ")[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        return f"'{value}"
    return "" if value is None else value


def _name(page: StaffAdmin, view: str) -> str:
    return f"admin:{page.opts.app_label}_{page.opts.model_name}_{view}"
