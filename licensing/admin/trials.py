"""Trials in the back office: looked at, given more time, ended."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.http import HttpRequest
from django.utils.timezone import now
from unfold.decorators import display

from accounts.services import audit
from config.kit.asking import AskedAction, Export
from config.kit.backoffice import NamedSet, StaffAdmin, StaffInline, row_link, tag
from licensing.models import TrialApiKey, TrialWorkspace
from licensing.services import trials

SOON = timedelta(days=3)
_GOES_ON = frozenset({TrialWorkspace.Status.ACTIVE, TrialWorkspace.Status.EXPIRED})


def _extend(trial: TrialWorkspace, reason: str, *, days: int) -> None:
    trials.extend_trial(trial, days=days, reason=reason, at=now())


def _extension(days: int) -> AskedAction:
    return AskedAction(
        f"extend_{days}",
        f"Extend by {days} days",
        permission="licensing.extend_trialworkspace",
        effect=f"The trial ends {days} days later than it would, or {days} days from now when it "
        "has ended; its keys and license go on until then.",
        work=partial(_extend, days=days),
        applies=lambda trial: trial.status in _GOES_ON,
        icon="more_time",
    )


def _cancel(trial: TrialWorkspace, reason: str) -> None:
    trials.cancel_trial(trial, at=now())
    audit.record("trial.cancelled_by_staff", trial, reason=reason)


class TrialKeyInline(StaffInline):
    model = TrialApiKey
    verbose_name_plural = "API keys"
    fields = ("key", "state", "expires_at", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("api_key")

    @display(description="Key")
    def key(self, row: TrialApiKey) -> str:
        return row_link(row.api_key, row.api_key)

    @display(description="Status")
    def state(self, row: TrialApiKey) -> str:
        state = row.api_key.state(now())
        return tag(state, state.title())

    @display(description="Ends")
    def expires_at(self, row: TrialApiKey) -> Any:
        return row.api_key.expires_at


@admin.register(TrialWorkspace)
class TrialWorkspaceAdmin(StaffAdmin):
    list_display = ("name", "organization", "product", "tier", "state", "expires_at", "created_at")
    list_filter = ("status", "tier", "product", ("expires_at", DateFieldListFilter))
    list_select_related = ("organization", "product")
    search_fields = ("name", "slug", "organization__name", "mail_domain")
    search_help_text = "Name, short name, organization or mail domain"
    ordering = ("-id",)
    inlines = (TrialKeyInline,)
    fieldsets = (
        (None, {"fields": (("name", "slug"), "organization", ("product", "tier"))}),
        ("Standing", {"fields": (("state", "expires_at"), ("license", "subscription"))}),
        ("Record", {"fields": ("id", "created_by", "mail_domain", ("created_at", "converted_at"))}),
    )
    readonly_fields = ("state",)
    attention = (
        NamedSet(
            "ending_3d",
            "Trials ending, 3 d",
            lambda rows, at: rows.active().filter(expires_at__range=(at, at + SOON)),
        ),
    )
    asked_actions = (
        *(_extension(days) for days in (7, 14, 30)),
        AskedAction(
            "cancel",
            "Cancel",
            permission="licensing.cancel_trialworkspace",
            effect="Its keys are revoked at once and its license ends. The organization cannot "
            "start another trial of the product.",
            work=_cancel,
            applies=lambda trial: trial.state(now()) == TrialWorkspace.Status.ACTIVE,
            danger=True,
            icon="cancel",
        ),
    )
    export = Export(
        permission="licensing.export_trialworkspace",
        columns={
            "id": "id", "name": "name", "organization": "organization__name",
            "product": "product__name", "tier": "tier", "status": "status",
            "expires": "expires_at", "started": "created_at",
        },
        record=audit.record,
    )  # fmt: skip

    @display(description="Status", ordering="status")
    def state(self, trial: TrialWorkspace) -> str:
        state = trial.state(now())
        return tag(state, state.title())
