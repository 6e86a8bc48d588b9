"""Invitations in the back office: whether the mail went out, whether the link still works."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.utils.safestring import SafeString
from django.utils.timezone import now
from unfold.decorators import display

from accounts.models import Invitation
from config.kit.backoffice import NamedSet, StaffAdmin, tag


@admin.register(Invitation)
class InvitationAdmin(StaffAdmin):
    list_display = ("email", "organization", "role", "state", "sent_at", "mails", "expires_at")
    list_filter = ("role", ("created_at", DateFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("email", "organization__name")
    search_help_text = "E-mail or organization"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("email", ("organization", "role"), "invited_by")}),
        ("Mail", {"fields": (("sent_at", "mails"),)}),
        ("Standing", {"fields": (("state", "expires_at"), ("accepted_at", "accepted_by"),
                                 "revoked_at")}),
        ("Record", {"fields": ("id", "created_at")}),
    )  # fmt: skip
    readonly_fields = ("state",)
    attention = (NamedSet("open", "Open", lambda rows, at: rows.open(at)),)

    @display(description="State")
    def state(self, invitation: Invitation) -> SafeString:
        state = invitation.state(now())
        return tag("active" if state == "accepted" else state, state.capitalize())
