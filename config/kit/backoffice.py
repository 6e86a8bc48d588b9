"""What every staff page shares: it looks, it filters, it guards; acting is config.kit.asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.apps import apps
from django.contrib import messages
from django.contrib.admin import ShowFacets, SimpleListFilter
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.enums import ActionVariant

from config.kit.asking import (
    AskedAction,
    Export,
    ask_about_many,
    ask_about_one,
    ask_for_export,
)
from config.kit.ids import as_uuid

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


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A question staff ask of a list every day: the index counts it, the list filters by it."""

    name: str
    title: str
    narrow: Callable[[Any, datetime], Any]


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
        if reason := _left_out(self.opts.db_table):
            told = f"The trail holds what was done here, not each change of a row: {reason}."
            messages.info(request, told)
        about = {"entity_type": self.opts.db_table, "entity_id": unquote(object_id)}
        return HttpResponseRedirect(f"{reverse(TRAIL)}?{urlencode(about)}")

    # Actions

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the asked actions and the export to those who hold their permission, only them."""
        offered: dict[str, Any] = {}
        for asked in self.asked_actions:
            if asked.leads_to is None and request.user.has_perm(asked.permission):
                run = partial(ask_about_many, asked=asked)
                offered[asked.name] = (run, asked.name, asked.title)
        if self.export is not None and request.user.has_perm(self.export.permission):
            run = partial(ask_for_export, export=self.export)
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
            return ask_about_one(self, request, object_id, asked)

        page.__name__ = asked.name
        page.allowed_permissions = (asked.permission,)
        page.short_description = asked.title
        page.url_path = asked.name
        page.attrs = {}
        page.icon = asked.icon
        page.variant = ActionVariant.DEFAULT
        return page


def _left_out(table: str) -> str:
    """Return why an app keeps the table's rows out of the trail; empty when they are in it."""
    for app in apps.get_app_configs():
        for entry in getattr(app, "unaudited", ()):
            if entry.table == table:
                return str(entry.reason)
    return ""


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
    template_after = "backoffice/inline_empty.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
