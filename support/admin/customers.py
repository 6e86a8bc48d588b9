"""A customer as staff see it, on one page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.timezone import now
from unfold.decorators import display

from accounts.admin.customers import MemberInline, OrganizationAdmin
from accounts.models import ApiKey, Organization
from billing.models import Invoice, Subscription
from config.kit.backoffice import StaffInline, row_link, status_column, tag
from licensing.models import License, TrialWorkspace


class SubscriptionInline(StaffInline):
    model = Subscription
    fields = ("product", "state", "amount", "interval", "current_period_end")
    readonly_fields = fields
    ordering = ("-created_at",)
    state = status_column

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("price__product")

    @display(description="Product")
    def product(self, row: Subscription) -> str:
        return row_link(row, row.price.product.name)

    @display(description="Amount")
    def amount(self, row: Subscription) -> str:
        return str(row.amount)


class LicenseInline(StaffInline):
    model = License
    fields = ("key", "product", "plan", "state", "expires_at")
    readonly_fields = fields
    ordering = ("-created_at",)
    state = status_column

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("product")

    @display(description="Key")
    def key(self, row: License) -> str:
        return row_link(row, row.masked_key)


class InvoiceInline(StaffInline):
    model = Invoice
    fields = ("title", "state", "amount", "issued_at", "paid_at")
    readonly_fields = fields
    ordering = ("-created_at",)
    state = status_column

    @display(description="Number")
    def title(self, row: Invoice) -> str:
        return row_link(row, row.number or "Draft")

    @display(description="Total")
    def amount(self, row: Invoice) -> str:
        return str(row.total)


class TrialInline(StaffInline):
    model = TrialWorkspace
    verbose_name_plural = "trials"
    fields = ("workspace", "product", "tier", "status", "expires_at")
    readonly_fields = fields
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("product")

    @display(description="Name")
    def workspace(self, row: TrialWorkspace) -> str:
        return row_link(row, row.name)


class OrganizationKeyInline(StaffInline):
    model = ApiKey
    verbose_name_plural = "API keys"
    fields = ("key", "name", "state", "last_used_at", "usage_count", "expires_at")
    readonly_fields = fields
    ordering = ("-created_at",)

    @display(description="Key")
    def key(self, key: ApiKey) -> str:
        return row_link(key, key.masked_key)

    @display(description="State")
    def state(self, key: ApiKey) -> str:
        state = key.state(now())
        return tag(state, state.capitalize())


@admin.register(Organization)
class CustomerAdmin(OrganizationAdmin):
    inlines = (
        MemberInline, SubscriptionInline, LicenseInline, TrialInline, OrganizationKeyInline,
        InvoiceInline,
    )  # fmt: skip
