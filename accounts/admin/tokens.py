"""API sessions, hand-overs and client reports in the back office: looked at, never changed."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from unfold.decorators import display

from accounts.models import BridgeToken, DeviceAuthorization, RefreshToken, SyncLog
from config.kit.backoffice import NamedSet, StaffAdmin


@admin.register(RefreshToken)
class RefreshTokenAdmin(StaffAdmin):
    """Each row is one link of a session's chain; the token itself is known to its client alone."""

    list_display = (
        "client_name", "user", "origin", "ip", "began_at", "created_at", "expires_at", "used_at",
        "revoked_at",
    )  # fmt: skip
    list_filter = (
        "origin",
        ("created_at", DateFieldListFilter),
        ("revoked_at", DateFieldListFilter),
    )
    list_select_related = ("user",)
    search_fields = ("user__email", "client_name", "=ip", "=family")
    search_help_text = "E-mail, app, address or session id"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("user", ("client_name", "origin"), ("ip", "user_agent"))}),
        ("Session", {"fields": ("family", "parent", "began_at")}),
        ("Life", {"fields": (("created_at", "expires_at"), ("used_at", "revoked_at"), "id")}),
    )
    attention = (
        NamedSet(
            "living",
            "Living API sessions",
            lambda rows, at: rows.filter(used_at=None, revoked_at=None, expires_at__gt=at),
        ),
    )


@admin.register(BridgeToken)
class BridgeTokenAdmin(StaffAdmin):
    list_display = ("client_id", "user", "client_ip", "created_at", "expires_at", "used_at")
    list_filter = ("client_id", ("created_at", DateFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("user__email", "=client_ip", "=family")
    search_help_text = "E-mail, address or session id"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("user", ("client_id", "redirect_uri"), "session_data")}),
        ("Asked from", {"fields": (("client_ip", "user_agent"),)}),
        ("Life", {"fields": (("created_at", "expires_at"), ("used_at", "family"), "id")}),
    )


@admin.register(DeviceAuthorization)
class DeviceAuthorizationAdmin(StaffAdmin):
    list_display = (
        "client_name",
        "client_id",
        "user",
        "answer",
        "client_ip",
        "created_at",
        "used_at",
    )
    list_filter = ("client_id", ("created_at", DateFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("user__email", "client_name", "=client_ip")
    search_help_text = "E-mail, machine or address"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": (("client_name", "client_id"), ("user", "answer"))}),
        ("Asked from", {"fields": (("client_ip", "user_agent"),)}),
        (
            "Life",
            {
                "fields": (
                    ("created_at", "expires_at"), ("approved_at", "denied_at"),
                    ("used_at", "family"), ("polled_at", "interval"), "id",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = ("answer",)

    @display(description="Answer")
    def answer(self, row: DeviceAuthorization) -> str:
        if row.approved_at:
            return "let in"
        return "turned away" if row.denied_at else "none yet"


@admin.register(SyncLog)
class SyncLogAdmin(StaffAdmin):
    list_display = ("created_at", "user", "event_type", "event_source", "success", "client_ip")
    list_filter = ("success", "event_source", ("created_at", DateFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("user__email", "event_type", "=event_id", "=client_ip")
    search_help_text = "E-mail, event, event id or address"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("user", ("event_type", "event_source"), "data")}),
        ("Result", {"fields": (("success", "error_message"),)}),
        ("From", {"fields": (("client_ip", "user_agent"), "event_id")}),
        ("Record", {"fields": (("occurred_at", "created_at"), "id")}),
    )
