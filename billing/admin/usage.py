"""Metered use and quota alerts, to look at: the database lets nobody change them."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter

from billing.models import QuotaAlert, UsageRecord
from config.kit.backoffice import StaffAdmin


@admin.register(UsageRecord)
class UsageRecordAdmin(StaffAdmin):
    list_display = (
        "period_start", "organization", "feature_type", "product", "request_count", "total_cost",
        "currency",
    )  # fmt: skip
    list_filter = ("feature_type", "currency", ("period_start", DateFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("organization__name", "product", "source_key")
    search_help_text = "Organization, product or source"
    ordering = ("-period_start", "-id")
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("organization", ("feature_type", "product"))}),
        ("Use", {"fields": (("request_count", "total_tokens"), ("period_start", "period_end"))}),
        ("Cost", {"fields": (("rate_per_thousand", "total_cost", "currency"),)}),
        ("Record", {"fields": ("id", "source_key", "created_by", "created_at")}),
    )


@admin.register(QuotaAlert)
class QuotaAlertAdmin(StaffAdmin):
    list_display = ("created_at", "organization", "product", "month", "percent", "used", "quota")
    list_filter = ("percent", "month")
    list_select_related = ("organization",)
    search_fields = ("organization__name", "product")
    ordering = ("-created_at", "-id")
    fieldsets = (
        (None, {"fields": ("organization", "product", ("month", "percent"), ("used", "quota"))}),
        ("Record", {"fields": ("id", "created_at")}),
    )
