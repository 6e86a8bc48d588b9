"""Looks of staff at the customer site, and copies of data that people asked for: to look at."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.utils.safestring import SafeString
from django.utils.timezone import now
from unfold.decorators import display

from accounts.models import DataExport, Impersonation
from config.kit.backoffice import NamedSet, StaffAdmin, tag


@admin.register(Impersonation)
class ImpersonationAdmin(StaffAdmin):
    """ADM-5: who looked as whom, when and why. Nobody edits it."""

    list_display = ("staff", "user", "reason", "state", "started_at", "ended_at", "created_at")
    list_filter = (("created_at", DateFieldListFilter),)
    list_select_related = ("staff", "user")
    search_fields = ("staff__email", "user__email", "reason")
    search_help_text = "E-mail of either, or a word of the reason"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": (("staff", "user"), "reason", "state")}),
        ("Time", {"fields": ("created_at", ("started_at", "expires_at", "ended_at"), "id")}),
    )
    readonly_fields = ("state",)
    attention = (
        NamedSet(
            "live", "Going on", lambda rows, at: rows.filter(expires_at__gt=at, ended_at=None)
        ),
    )

    @display(description="State")
    def state(self, look: Impersonation) -> SafeString:
        if look.is_live(now()):
            return tag("open", "Going on")
        return tag("ended", "Over" if look.started_at else "Not begun")


@admin.register(DataExport)
class DataExportAdmin(StaffAdmin):
    """The file itself is for who asked; staff see that it was made."""

    list_display = ("about", "user", "state", "size", "created_at", "ready_at", "expires_at")
    list_filter = ("status", ("created_at", DateFieldListFilter))
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "organization__name")
    search_help_text = "E-mail or organization"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("about", ("user", "organization"), ("state", "size"), "failure")}),
        ("List", {"fields": (("list_name", "row_count"), "list_path", "list_query")}),
        ("Time", {"fields": ("created_at", ("ready_at", "expires_at"), "id")}),
    )
    readonly_fields = ("about", "state")
    attention = (NamedSet("failed", "Failed", lambda rows, at: rows.filter(status="failed")),)

    @display(description="About")
    def about(self, export: DataExport) -> str:
        return export.list_name or str(export.organization or "The person")

    @display(description="Status", ordering="status")
    def state(self, export: DataExport) -> SafeString:
        tones = {"ready": "handled", "expired": "ended"}
        return tag(tones.get(export.status, export.status), export.get_status_display())
