"""Customers' bulk jobs in the back office: how far each is and what failed. To look at."""

from __future__ import annotations

import json

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from unfold.decorators import display

from accounts.models import BulkItem, BulkJob
from config.kit.backoffice import NamedSet, StaffAdmin, StaffInline, tag


class BulkItemInline(StaffInline):
    model = BulkItem
    verbose_name_plural = "items"
    fields = ("position", "label", "state", "error_code", "error", "finished_at")
    readonly_fields = fields
    # What failed comes first: it is what staff are asked about.
    ordering = ("-error_code", "position")
    tab = False

    @display(description="Result")
    def state(self, item: BulkItem) -> str:
        tones = {"done": "handled"}
        return tag(tones.get(item.status, item.status), item.get_status_display())


@admin.register(BulkJob)
class BulkJobAdmin(StaffAdmin):
    list_display = (
        "action", "organization", "user", "state", "total", "failed", "asked_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "action", ("created_at", DateFieldListFilter))
    list_select_related = ("organization", "user")
    search_fields = ("action", "organization__name", "user__email")
    search_help_text = "Action, organization or e-mail"
    ordering = ("-id",)
    inlines = (BulkItemInline,)
    fieldsets = (
        (None, {"fields": ("action", ("organization", "user"), "given")}),
        ("Standing", {"fields": ("state", ("total", "failed"), "claimed_until")}),
        ("Record", {"fields": ("id", ("created_at", "asked_at", "finished_at"))}),
    )
    readonly_fields = ("state", "given")
    attention = (
        NamedSet("unfinished", "Under way", lambda rows, at: rows.unfinished()),
        NamedSet("failures", "With failures", lambda rows, at: rows.filter(failed__gt=0)),
    )

    @display(description="Status", ordering="status")
    def state(self, job: BulkJob) -> str:
        tones = {"running": "sending", "done": "handled"}
        return tag(tones.get(job.status, job.status), job.get_status_display())

    @display(description="Given")
    def given(self, job: BulkJob) -> str:
        return json.dumps(job.params, indent=2, ensure_ascii=False)
