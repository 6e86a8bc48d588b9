"""What was paid: attempts, money that moved, the ledger. Nobody edits any of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.db.models import Min, OuterRef, Q, Subquery, Sum
from django.http import HttpRequest
from unfold.decorators import display

from accounts.services import audit
from billing.models import LedgerEntry, LedgerTransaction, PaymentAttempt, Transaction
from billing.services.settlement import Result
from config.kit.asking import Export
from config.kit.backoffice import NamedSet, StaffAdmin, StaffInline, status_column
from config.kit.lists import CappedPaginator
from config.kit.money import Money

DAY = timedelta(hours=24)
SLOW = timedelta(minutes=10)
# Money came that could not be booked: settlement wrote why and left it to a person.
_LEFT = [Q(failure__startswith=f"{result.value}:") for result in Result if result.needs_staff]
LEFT_TO_STAFF = Q(*_LEFT, _connector=Q.OR)


@admin.register(PaymentAttempt)
class PaymentAttemptAdmin(StaffAdmin):
    list_display = (
        "invoice", "organization", "state", "method", "total", "decline_code", "created_at",
    )  # fmt: skip
    list_filter = ("status", "method", ("created_at", DateFieldListFilter))
    list_select_related = ("invoice", "organization")
    search_fields = (
        "invoice__number", "organization__name", "payment_intent_id", "checkout_session_id",
    )  # fmt: skip
    search_help_text = "Invoice, organization or the vendor's id"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("invoice", "organization", ("state", "method"), "total")}),
        ("Outcome", {"fields": ("decline_code", "failure", "lease_until")}),
        (
            "At the vendor",
            {"fields": ("payment_intent_id", "checkout_session_id", "idempotency_key", "params")},
        ),
        ("Record", {"fields": ("id", "number", ("created_at", "updated_at"))}),
    )
    readonly_fields = ("state", "total")
    attention = (
        NamedSet(
            "left_to_staff",
            "Money that could not be booked",
            lambda rows, at: rows.filter(LEFT_TO_STAFF),
        ),
        NamedSet(
            "failed_24h",
            "Failed in 24 hours",
            lambda rows, at: rows.filter(status="failed", updated_at__gte=at - DAY),
        ),
        NamedSet(
            "unknown_10m",
            "Outcome unknown for 10 minutes",
            lambda rows, at: rows.filter(
                status__in=("unknown", "sending"), created_at__lt=at - SLOW
            ),
        ),
    )
    export = Export(
        permission="billing.export_paymentattempt",
        columns={
            "id": "id", "invoice": "invoice__number", "organization": "organization__name",
            "status": "status", "method": "method", "currency": "currency",
            "amount_minor": "amount_minor", "decline_code": "decline_code",
            "payment_intent": "payment_intent_id", "created": "created_at",
        },
        record=audit.record,
    )  # fmt: skip
    state = status_column

    @display(description="Amount", ordering="amount_minor")
    def total(self, attempt: PaymentAttempt) -> str:
        return str(attempt.amount)


@admin.register(Transaction)
class TransactionAdmin(StaffAdmin):
    list_display = (
        "created_at", "organization", "kind", "state", "total", "method", "invoice", "provider_id",
    )  # fmt: skip
    list_filter = ("kind", "status", "currency", ("created_at", DateFieldListFilter))
    list_select_related = ("organization", "invoice")
    search_fields = ("organization__name", "invoice__number", "provider_id")
    search_help_text = "Organization, invoice or the vendor's id"
    date_hierarchy = "created_at"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("organization", ("kind", "state"), "total", "method")}),
        ("For", {"fields": ("invoice", "subscription")}),
        ("At the vendor", {"fields": (("provider", "provider_id"), "metadata")}),
        ("Record", {"fields": ("id", ("created_at", "processed_at"))}),
    )
    readonly_fields = ("state", "total")
    export = Export(
        permission="billing.export_transaction",
        columns={
            "id": "id", "organization": "organization__name", "kind": "kind", "status": "status",
            "currency": "currency", "amount_minor": "amount_minor", "method": "method",
            "provider_id": "provider_id", "invoice": "invoice__number",
            "created": "created_at", "processed": "processed_at",
        },
        record=audit.record,
    )  # fmt: skip
    state = status_column

    @display(description="Amount", ordering="amount_minor")
    def total(self, row: Transaction) -> str:
        return str(row.amount)


class LedgerEntryInline(StaffInline):
    model = LedgerEntry
    verbose_name_plural = "entries"
    fields = ("account", "debit", "credit")
    readonly_fields = fields
    tab = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("account")

    @display(description="Debit")
    def debit(self, entry: LedgerEntry) -> str:
        return str(Money(entry.amount_minor, entry.currency)) if entry.amount_minor > 0 else ""

    @display(description="Credit")
    def credit(self, entry: LedgerEntry) -> str:
        return str(Money(-entry.amount_minor, entry.currency)) if entry.amount_minor < 0 else ""


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(StaffAdmin):
    list_display = ("id", "kind", "key", "turnover", "booked_at")
    list_display_links = ("id", "key")
    list_filter = ("kind", ("booked_at", DateFieldListFilter))
    search_fields = ("key", "=id")
    search_help_text = "Key or number of the posting"
    paginator = CappedPaginator
    show_full_result_count = False
    ordering = ("-id",)
    sortable_by = ("id",)
    inlines = (LedgerEntryInline,)
    fieldsets = ((None, {"fields": (("id", "kind"), "key", "booked_at", "reference")}),)

    def get_queryset(self, request: HttpRequest) -> Any:
        debits = LedgerEntry.objects.filter(transaction=OuterRef("pk"), amount_minor__gt=0)
        sums = (
            debits.order_by()
            .values("transaction")
            .annotate(total=Sum("amount_minor"), unit=Min("currency"))
        )
        return (
            super()
            .get_queryset(request)
            .annotate(total=Subquery(sums.values("total")), unit=Subquery(sums.values("unit")))
        )

    @display(description="Turnover")
    def turnover(self, posting: Any) -> str:
        return str(Money(int(posting.total), posting.unit)) if posting.total else "-"
