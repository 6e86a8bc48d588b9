"""What was sold: subscriptions, orders, invoices with their documents."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.decorators import display

from accounts.services import audit
from billing.models import (
    BillingPeriod,
    Invoice,
    InvoiceLine,
    Order,
    OrderItem,
    PaymentAttempt,
    Subscription,
)
from billing.services import documents
from config.kit.asking import Export
from config.kit.backoffice import NamedSet, StaffAdmin, StaffInline, row_link, status_column


class PeriodInline(StaffInline):
    model = BillingPeriod
    verbose_name_plural = "periods"
    fields = ("starts_at", "ends_at", "invoice")
    readonly_fields = fields
    ordering = ("-starts_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("invoice")


@admin.register(Subscription)
class SubscriptionAdmin(StaffAdmin):
    list_display = (
        "product", "organization", "state", "amount", "interval", "current_period_end", "renews",
    )  # fmt: skip
    list_filter = ("status", "interval", "currency", "auto_renew", "cancel_at_period_end")
    list_select_related = ("organization", "price__product")
    search_fields = ("organization__name", "price__product__name", "stripe_subscription_id")
    search_help_text = "Organization, product or id"
    ordering = ("-id",)
    inlines = (PeriodInline,)
    fieldsets = (
        (None, {"fields": ("organization", "price", ("state", "interval"), "amount", "quantity")}),
        (
            "Periods",
            {
                "fields": (
                    ("current_period_start", "current_period_end"),
                    ("auto_renew", "cancel_at_period_end"),
                    ("next_run_at", "anchor_at", "time_zone"),
                    ("cancelled_at", "ended_at"),
                )
            },
        ),
        ("Record", {"fields": ("id", "order_item", "stripe_subscription_id", "created_at")}),
    )
    readonly_fields = ("state", "amount")
    attention = (NamedSet("past_due", "Past due", lambda rows, at: rows.filter(status="past_due")),)
    export = Export(
        permission="billing.export_subscription",
        columns={
            "id": "id", "organization": "organization__name", "product": "price__product__name",
            "status": "status", "interval": "interval", "currency": "currency",
            "unit_amount_minor": "unit_amount_minor", "quantity": "quantity",
            "period_start": "current_period_start", "period_end": "current_period_end",
        },
        record=audit.record,
    )  # fmt: skip
    state = status_column

    @display(description="Product", ordering="price__product__name")
    def product(self, row: Subscription) -> str:
        return row.price.product.name

    @display(description="Amount")
    def amount(self, row: Subscription) -> str:
        return str(row.amount)

    @display(description="Renews", boolean=True)
    def renews(self, row: Subscription) -> bool:
        return row.auto_renew and not row.cancel_at_period_end


class OrderItemInline(StaffInline):
    model = OrderItem
    verbose_name_plural = "items"
    fields = ("product_name", "sku", "interval", "quantity", "amount")
    readonly_fields = fields

    @display(description="Total")
    def amount(self, item: OrderItem) -> str:
        return str(item.total)


class InvoiceInline(StaffInline):
    model = Invoice
    fields = ("title", "state", "amount", "issued_at", "paid_at")
    readonly_fields = fields
    ordering = ("-created_at",)
    state = status_column

    @display(description="Number")
    def title(self, invoice: Invoice) -> str:
        return row_link(invoice, invoice.number or "Draft")

    @display(description="Total")
    def amount(self, invoice: Invoice) -> str:
        return str(invoice.total)


@admin.register(Order)
class OrderAdmin(StaffAdmin):
    list_display = ("number", "organization", "state", "kind", "amount", "placed_by", "placed_at")
    list_filter = ("status", "kind", ("placed_at", DateFieldListFilter))
    list_select_related = ("organization", "placed_by")
    search_fields = ("number", "organization__name", "placed_by__email", "client_key")
    search_help_text = "Number, organization or e-mail"
    date_hierarchy = "placed_at"
    ordering = ("-id",)
    inlines = (OrderItemInline, InvoiceInline)
    fieldsets = (
        (None, {"fields": ("number", "organization", ("state", "kind"), "amount")}),
        ("When", {"fields": (("placed_at", "placed_by"), ("completed_at", "cancelled_at"))}),
        ("Record", {"fields": ("id", "client_key", "details", "notes")}),
    )
    readonly_fields = ("state", "amount")
    export = Export(
        permission="billing.export_order",
        columns={
            "number": "number", "organization": "organization__name", "status": "status",
            "kind": "kind", "currency": "currency", "total_minor": "total_minor",
            "placed_at": "placed_at", "completed_at": "completed_at",
        },
        record=audit.record,
    )  # fmt: skip
    state = status_column

    @display(description="Total", ordering="total_minor")
    def amount(self, order: Order) -> str:
        return str(order.total)


class InvoiceLineInline(StaffInline):
    model = InvoiceLine
    verbose_name_plural = "lines"
    fields = ("description", "quantity", "unit", "net_amount", "tax_rate", "tax_amount")
    readonly_fields = fields

    @display(description="Unit price")
    def unit(self, line: InvoiceLine) -> str:
        return str(line.unit_amount)

    @display(description="Net")
    def net_amount(self, line: InvoiceLine) -> str:
        return str(line.net)

    @display(description="VAT")
    def tax_amount(self, line: InvoiceLine) -> str:
        return str(line.tax)


class AttemptInline(StaffInline):
    model = PaymentAttempt
    verbose_name_plural = "payment attempts"
    fields = ("link", "method", "state", "decline_code", "payment_intent_id", "created_at")
    readonly_fields = fields
    state = status_column

    @display(description="Attempt")
    def link(self, attempt: PaymentAttempt) -> str:
        return row_link(attempt, f"No. {attempt.number}")


@admin.register(Invoice)
class InvoiceAdmin(StaffAdmin):
    list_display = ("title", "organization", "state", "amount", "issued_at", "paid_at", "pdf")
    list_filter = ("status", "currency", ("issued_at", DateFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("number", "organization__name", "order__number")
    search_help_text = "Number, organization or order"
    date_hierarchy = "issued_at"
    ordering = ("-id",)
    inlines = (InvoiceLineInline, AttemptInline)
    fieldsets = (
        (None, {"fields": ("title", "organization", "order", "state", "pdf")}),
        ("Amounts", {"fields": (("net_amount", "tax_amount", "amount"), "tax_note")}),
        ("When", {"fields": (("issued_at", "due_at", "paid_at"),)}),
        ("Parties as on the document", {"fields": ("buyer", "seller")}),
        ("Record", {"fields": ("id", ("tax_treatment", "tax_country"), "created_at")}),
    )
    readonly_fields = ("title", "state", "amount", "net_amount", "tax_amount", "pdf")
    attention = (
        NamedSet(
            "overdue",
            "Open past their due date",
            lambda rows, at: rows.filter(status=Invoice.Status.OPEN, due_at__lt=at),
        ),
    )
    export = Export(
        permission="billing.export_invoice",
        columns={
            "number": "number", "organization": "organization__name", "status": "status",
            "currency": "currency", "net_minor": "net_minor", "tax_minor": "tax_minor",
            "total_minor": "total_minor", "tax_country": "tax_country",
            "issued_at": "issued_at", "paid_at": "paid_at",
        },
        record=audit.record,
    )  # fmt: skip
    state = status_column

    def get_urls(self) -> list[Any]:
        download = self.admin_site.admin_view(self.download)
        return [
            path("<path:object_id>/pdf/", download, name="billing_invoice_pdf"),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        invoice = self.get_object(request, object_id)
        if invoice is None or not invoice.is_final:
            raise Http404
        file = documents.download_invoice(invoice)
        name = f'attachment; filename="{file.file_name}"'
        headers = {"Content-Disposition": name}
        return HttpResponse(file.pdf, content_type="application/pdf", headers=headers)

    @display(description="Number", ordering="number")
    def title(self, invoice: Invoice) -> str:
        return invoice.number or "Draft"

    @display(description="Total", ordering="total_minor")
    def amount(self, invoice: Invoice) -> str:
        return str(invoice.total)

    @display(description="Net")
    def net_amount(self, invoice: Invoice) -> str:
        return str(invoice.net)

    @display(description="VAT")
    def tax_amount(self, invoice: Invoice) -> str:
        return str(invoice.tax)

    @display(description="PDF")
    def pdf(self, invoice: Invoice) -> Any:
        if not invoice.is_final:
            return "-"
        url = reverse("admin:billing_invoice_pdf", args=[invoice.pk])
        return format_html('<a href="{}" class="bo-link">Download</a>', url)
