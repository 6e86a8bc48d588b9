"""The audit trail: filtered, read side by side, exported; nobody writes it here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, ShowFacets
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.views import ChangeList

from accounts.models import AuditLog, Organization, User
from accounts.rules.trail import differences
from accounts.services import audit
from accounts.services.audit_triggers import audited_tables
from config.kit.asking import Export
from config.kit.backoffice import TRAIL, StaffAdmin, TextFilter
from config.kit.ids import as_uuid
from config.kit.lists import CappedPaginator

READ = "trail_read"


class ActorFilter(TextFilter):
    title = "actor"
    parameter_name = "actor"
    placeholder = "E-mail or id"

    def narrow(self, queryset: Any, text: str) -> Any:
        if "@" in text:
            people = User.objects.filter(email__iexact=text).values_list("pk", flat=True)
            return queryset.filter(actor_id__in=[str(key) for key in people])
        return queryset.filter(actor_id=text)


class CustomerFilter(TextFilter):
    title = "organization"
    parameter_name = "organization"
    placeholder = "Name or id"

    def narrow(self, queryset: Any, text: str) -> Any:
        key = as_uuid(text)
        if key is not None:
            return queryset.filter(organization_id=key)
        named = Organization.objects.filter(name__icontains=text).values_list("pk", flat=True)
        return queryset.filter(organization_id__in=list(named[:200]))


class ActionFilter(TextFilter):
    title = "action"
    parameter_name = "action"
    placeholder = "update, user.logged_in"

    def narrow(self, queryset: Any, text: str) -> Any:
        return queryset.filter(action__startswith=text)


class EntityFilter(admin.SimpleListFilter):
    """Which table the entry is about; the choices are the registry, not a scan of the trail."""

    title = "entity"
    parameter_name = "entity_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tables = sorted(audited.table for audited in audited_tables())
        return [(table, table.partition("_")[2]) for table in tables]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(entity_type=self.value()) if self.value() else queryset


class EntityIdFilter(TextFilter):
    title = "entity id"
    parameter_name = "entity_id"

    def narrow(self, queryset: Any, text: str) -> Any:
        return queryset.filter(entity_id=text)


class RequestFilter(TextFilter):
    title = "request id"
    parameter_name = "request_id"

    def narrow(self, queryset: Any, text: str) -> Any:
        return queryset.filter(request_id=text)


class TrailList(ChangeList):
    """Adds the names of people and organizations to the page's rows: two queries a page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_names(list(self.result_list))


def with_names(entries: list[Any]) -> list[Any]:
    """Set `actor`, `customer` and `thing` on each entry; the trail itself holds ids only."""
    people = [as_uuid(entry.actor_id) for entry in entries if entry.actor_kind == "user"]
    people += [as_uuid(entry.impersonator_id) for entry in entries if entry.impersonator_id]
    customers = {entry.organization_id for entry in entries if entry.organization_id}
    known = User.objects.filter(pk__in=[key for key in people if key])
    emails: dict[Any, str] = dict(known.values_list("pk", "email"))
    named = Organization.objects.filter(pk__in=customers)
    names: dict[Any, str] = dict(named.values_list("pk", "name"))
    for entry in entries:
        email = emails.get(as_uuid(entry.actor_id)) if entry.actor_kind == "user" else None
        entry.actor = email or " ".join(filter(None, (entry.actor_kind, entry.actor_id)))
        if entry.impersonator_id and entry.impersonator_id != entry.actor_id:
            staff = emails.get(as_uuid(entry.impersonator_id), entry.impersonator_id)
            entry.actor = f"{entry.actor}, seen by {staff}"
        entry.customer = names.get(entry.organization_id, "")
        entry.thing = entry.entity_type.partition("_")[2] or entry.entity_type
    return entries


def note_reading(request: Any) -> None:
    """Write down that somebody reads the trail: once a session, or reading would fill it."""
    if READ not in request.session:
        request.session[READ] = True
        audit.record("audit_log.read", request.user, path=request.path)


@admin.register(AuditLog)
class AuditLogAdmin(StaffAdmin):
    list_display = ("when", "who", "action", "entity", "customer_name", "ip", "in_request")
    list_display_links = ("when",)
    list_filter = (
        ActionFilter, ActorFilter, CustomerFilter, RequestFilter, EntityIdFilter,
        ("at", DateFieldListFilter), EntityFilter,
    )  # fmt: skip
    search_fields = ("entity_id__exact", "request_id__exact", "actor_id__exact")
    search_help_text = "Id of the entity, the actor or the request"
    ordering = ("-id",)
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("at", ("action", "entity_type"), "entity_id", "changes")}),
        ("Who", {"fields": ("who", "customer_name", ("ip", "user_agent"))}),
        ("Record", {"fields": ("id", ("in_request", "db_user"), "impersonator_id")}),
    )
    readonly_fields = ("who", "customer_name", "in_request", "changes")
    export = Export(
        permission="accounts.export_auditlog",
        columns={
            "id": "id", "at": "at", "actor_kind": "actor_kind", "actor_id": "actor_id",
            "impersonator_id": "impersonator_id", "organization_id": "organization_id", "action": "action",
            "entity_type": "entity_type", "entity_id": "entity_id",
            "old_values": "old_values", "new_values": "new_values", "ip": "ip",
            "user_agent": "user_agent", "request_id": "request_id", "db_user": "db_user",
        },
        record=audit.record,
    )  # fmt: skip

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return TrailList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        note_reading(request)
        return super().changelist_view(request, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        note_reading(request)
        entry = super().get_object(request, object_id, from_field)
        return with_names([entry])[0] if entry else None

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """An entry never changes: show what else happened to the same thing."""
        entry = self.get_object(request, object_id)
        if entry is None or not self.has_view_permission(request):
            raise Http404
        about = {"entity_type": entry.entity_type, "entity_id": entry.entity_id}
        return HttpResponseRedirect(f"{reverse(TRAIL)}?{urlencode(about)}")

    @display(description="Time (UTC)")
    def when(self, entry: AuditLog) -> str:
        return f"{entry.at:%Y-%m-%d %H:%M:%S}"

    @display(description="Actor")
    def who(self, entry: Any) -> str:
        return str(entry.actor)

    @display(description="Organization")
    def customer_name(self, entry: Any) -> str:
        return entry.customer or "-"

    @display(description="Entity")
    def entity(self, entry: Any) -> str:
        return f"{entry.thing} {(entry.entity_id or '')[-6:]}".strip()

    @display(description="Request")
    def in_request(self, entry: AuditLog) -> Any:
        if not entry.request_id:
            return "-"
        link = f"{reverse(TRAIL)}?{urlencode({'request_id': entry.request_id})}"
        return format_html('<a href="{}" class="bo-link">…{}</a>', link, entry.request_id[-6:])

    @display(description="Changes")
    def changes(self, entry: AuditLog) -> str:
        rows = differences(entry.old_values, entry.new_values)
        return render_to_string("backoffice/changes.html", {"rows": rows})
