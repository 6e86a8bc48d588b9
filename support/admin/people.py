"""A person as staff see them, on one page: summary, notes, activity, sessions, keys."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime, now
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from accounts.admin.customers import MembershipInline, UserAdmin
from accounts.models import ApiKey, RefreshToken, User, UserActivity
from accounts.services.sessions import BACKOFFICE
from billing.models import UsageRecord
from config.kit import context
from config.kit.asking import AskedAction
from config.kit.backoffice import StaffInline, row_link, tag
from support.models import AdminNote
from support.models.figures import ActivitySummary, activity_summary
from support.services.notes import MOST_CHARACTERS, write_note

LATEST = 20


class NoteForm(forms.Form):
    note = forms.CharField(
        max_length=MOST_CHARACTERS,
        help_text="Staff alone read it: no copy of the person's data has it.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
    )
    is_flagged = forms.BooleanField(
        required=False,
        label="Flag it",
        help_text="A flagged note stands first, and on the overview.",
        widget=UnfoldBooleanWidget(),
    )


def _write_note(user: User, answers: dict[str, Any]) -> None:
    here = context.current()
    assert here is not None, "the back office has a context"
    write_note(user, by=User.objects.get(pk=here.actor_id), **answers)


class NoteInline(StaffInline):
    model = AdminNote
    fk_name = "user"
    verbose_name_plural = "notes"
    fields = ("flag", "note", "author", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("author")

    @display(description="")
    def flag(self, note: AdminNote) -> str:
        return tag("failed", "Flagged") if note.is_flagged else "-"


class ActivityInline(StaffInline):
    model = UserActivity
    verbose_name_plural = "activity"
    fields = ("action", "facts", "created_at")
    readonly_fields = fields
    per_page = LATEST

    @display(description="Facts")
    def facts(self, done: UserActivity) -> str:
        return ", ".join(f"{name}: {value}" for name, value in (done.data or {}).items()) or "-"


class SessionInline(StaffInline):
    """Where the person is signed in. The key of a session is a secret and stays out."""

    model = UserSession
    verbose_name_plural = "sessions"
    fields = ("place", "ip", "user_agent", "created_at", "last_seen_at")
    readonly_fields = fields
    ordering = ("-last_seen_at",)

    @display(description="Where")
    def place(self, session: UserSession) -> str:
        return "Back office" if (session.data or {}).get("place") == BACKOFFICE else "Customer site"


class ApiSessionInline(StaffInline):
    """Apps and machines that are signed in: the newest link of each living chain."""

    model = RefreshToken
    verbose_name_plural = "API sessions"
    fields = ("app", "origin", "ip", "began_at", "expires_at")
    readonly_fields = fields
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        living = super().get_queryset(request).filter(used_at=None, revoked_at=None)
        return living.filter(expires_at__gt=now())

    @display(description="App")
    def app(self, token: RefreshToken) -> str:
        return row_link(token, token.client_name)


class KeyInline(StaffInline):
    model = ApiKey
    fk_name = "created_by"
    verbose_name_plural = "API keys"
    fields = ("key", "organization", "status", "last_used_at", "expires_at")
    readonly_fields = fields
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("organization")

    @display(description="Key")
    def key(self, key: ApiKey) -> str:
        return row_link(key, key)


_SUMMARY = (
    "total_actions", "actions_this_week", "last_activity", "usual_action", "usage_count",
)  # fmt: skip


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = (
        *UserAdmin.list_display[:-1], "actions_count", "usage_count", "notes_count", "created_at",
    )  # fmt: skip
    inlines = (
        MembershipInline, NoteInline, ActivityInline, SessionInline, ApiSessionInline, KeyInline,
    )  # fmt: skip
    fieldsets = (
        UserAdmin.fieldsets[0],
        (
            "Activity",
            {
                "fields": (
                    ("total_actions", "actions_this_week"), ("last_activity", "usual_action"),
                    "usage_count",
                )
            },
        ),
        *UserAdmin.fieldsets[1:],
    )  # fmt: skip
    readonly_fields = (*UserAdmin.readonly_fields, *_SUMMARY)
    asked_actions = (
        AskedAction(
            "note",
            "Write a note",
            permission="support.add_adminnote",
            effect="The note stands on the person's page, for staff alone.",
            work=_write_note,
            form=NoteForm,
            icon="sticky_note_2",
        ),
        *UserAdmin.asked_actions,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        counted = super().get_queryset(request)
        return counted.annotate(
            actions_count=_how_many(UserActivity),
            notes_count=_how_many(AdminNote),
            usage_count=_how_many(UsageRecord, "organization__memberships__user"),
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        user = super().get_object(request, object_id, from_field)
        if user is not None:
            user.summary = activity_summary(user)
        return user

    @display(description="Actions", ordering="actions_count")
    def actions_count(self, user: Any) -> int:
        return int(user.actions_count)

    @display(description="Notes", ordering="notes_count")
    def notes_count(self, user: Any) -> int:
        return int(user.notes_count)

    @display(description="Usage records")
    def usage_count(self, user: Any) -> int:
        """Of all organizations they are a member of."""
        return int(user.usage_count)

    @display(description="Actions, in all")
    def total_actions(self, user: Any) -> int:
        return _summary(user).total_actions

    @display(description="Actions, this week")
    def actions_this_week(self, user: Any) -> int:
        return _summary(user).actions_this_week

    @display(description="Last activity")
    def last_activity(self, user: Any) -> str:
        at = _summary(user).last_activity
        return date_format(localtime(at), "DATETIME_FORMAT") if at else "-"

    @display(description="Most common action")
    def usual_action(self, user: Any) -> str:
        return _summary(user).most_common_action or "-"


def _summary(user: Any) -> ActivitySummary:
    found: ActivitySummary = user.summary
    return found


def _how_many(model: Any, person: str = "user") -> Any:
    rows = model.objects.filter(**{person: OuterRef("pk")}).order_by()
    return Coalesce(Subquery(rows.values(person).annotate(n=Count("pk")).values("n")), 0)
