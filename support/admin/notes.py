"""Notes about people, over all of them: what is flagged comes first."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from config.kit.asking import AskedAction
from config.kit.backoffice import NamedSet, StaffAdmin, row_link
from support.models import AdminNote
from support.services import notes


@admin.register(AdminNote)
class AdminNoteAdmin(StaffAdmin):
    list_display = ("shortened", "about", "is_flagged", "author", "created_at")
    list_filter = ("is_flagged",)
    list_select_related = ("user", "author")
    search_fields = ("note", "user__email", "author__email")
    fieldsets = (
        (None, {"fields": ("user", "note", "is_flagged")}),
        ("Record", {"fields": ("author", ("created_at", "updated_at"))}),
    )
    attention = (
        NamedSet("flagged", "Flagged notes", lambda rows, at: rows.filter(is_flagged=True)),
    )
    asked_actions = (
        AskedAction(
            "flag",
            "Flag",
            permission="support.change_adminnote",
            effect="The note stands first on the person's page and on the overview.",
            work=lambda note, reason: notes.flag_note(note, is_flagged=True),
            applies=lambda note: not note.is_flagged,
            needs_reason=False,
            icon="flag",
        ),
        AskedAction(
            "unflag",
            "Lower the flag",
            permission="support.change_adminnote",
            effect="The note stays, without its flag.",
            work=lambda note, reason: notes.flag_note(note, is_flagged=False),
            applies=lambda note: note.is_flagged,
            needs_reason=False,
            icon="outlined_flag",
        ),
    )

    @display(description="Note")
    def shortened(self, note: AdminNote) -> str:
        return str(note)

    @display(description="About")
    def about(self, note: Any) -> str:
        return row_link(note.user, note.user.email)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("support.view_adminnote")
