"""Invoices: drafts that may change, then documents that never do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from billing.models.checks import currency_code, one_of
from billing.models.order import Order
from config.kit.models import BaseModel, CurrencyField, MoneyDescriptor
from config.kit.tenancy import OrganizationQuerySet


class InvoiceQuerySet(OrganizationQuerySet):
    def finalised(self) -> InvoiceQuerySet:
        """Invoices with a number: drafts are not documents and customers do not see them."""
        return self.exclude(number=None)

    def without_document(self) -> InvoiceQuerySet:
        return self.finalised().filter(document=None)

    def due_for_document(self, at: datetime) -> InvoiceQuerySet:
        """Those without a document whose turn it is in the minute of `at`.

        In their first hour it is every minute, later one minute of each hour, which the second of
        their issue chooses: those that cannot be typeset keep no others waiting.
        """
        is_fresh = Q(issued_at__gt=at - timedelta(hours=1))
        return self.without_document().filter(is_fresh | Q(issued_at__second=at.minute))


class Invoice(BaseModel):
    """What a customer owes. `seller` and `buyer` are as they were on the day it was made.

    `number` is given at finalisation and not before, so that the series has no gap. From then
    on a trigger lets only `status` and `paid_at` move.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"
        VOID = "void"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="invoices")
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, related_name="invoices")
    number = models.CharField(max_length=40, null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    currency = CurrencyField()
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    seller = models.JSONField(default=dict)
    buyer = models.JSONField(default=dict)
    tax_treatment = models.CharField(max_length=32)
    tax_country = models.CharField(max_length=2, blank=True)
    tax_note = models.TextField(blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)

    net: Any = MoneyDescriptor("net_minor")
    tax: Any = MoneyDescriptor("tax_minor")
    total: Any = MoneyDescriptor("total_minor")

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-issued_at", "-id"]
        constraints = [
            models.UniqueConstraint("number", name="billing_invoice_number"),
            one_of("status", ["draft", "open", "paid", "void"], "billing_invoice_status"),
            currency_code("billing_invoice_currency"),
            models.CheckConstraint(
                condition=Q(total_minor=F("net_minor") + F("tax_minor"))
                & Q(net_minor__gte=0, tax_minor__gte=0),
                name="billing_invoice_total",
            ),
            models.CheckConstraint(
                condition=Q(status="draft", number=None, issued_at=None)
                | Q(status__in=["open", "paid"], number__isnull=False, issued_at__isnull=False)
                | Q(status="void"),
                name="billing_invoice_numbered",
            ),
            models.CheckConstraint(
                condition=Q(status="paid", paid_at__isnull=False)
                | (~Q(status="paid") & Q(paid_at=None)),
                name="billing_invoice_paid",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-issued_at"], name="billing_invoice_recent"),
            models.Index(fields=["status", "due_at"], name="billing_invoice_due"),
        ]

    def __str__(self) -> str:
        return self.number or "Draft"

    @property
    def is_final(self) -> bool:
        return self.number is not None


class InvoiceLine(BaseModel):
    """One line. `tax_rate` is in percent; amounts are rounded once, when the line is made."""

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    subscription = models.ForeignKey(
        "billing.Subscription", models.PROTECT, null=True, blank=True, related_name="invoice_lines"
    )
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=16)
    description = models.CharField(max_length=300)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    currency = CurrencyField()
    unit_amount_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3)
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)

    unit_amount: Any = MoneyDescriptor("unit_amount_minor")
    net: Any = MoneyDescriptor("net_minor")
    tax: Any = MoneyDescriptor("tax_minor")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint("invoice", "position", name="billing_invoiceline_position"),
            currency_code("billing_invoiceline_currency"),
            models.CheckConstraint(
                condition=Q(tax_rate__gte=0, tax_rate__lte=100), name="billing_invoiceline_rate"
            ),
            models.CheckConstraint(
                condition=Q(period_start=None, period_end=None)
                | Q(period_start__lt=F("period_end")),
                name="billing_invoiceline_period",
            ),
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceSeries(BaseModel):
    """The counter of one series of numbers: raised in the transaction that finalises."""

    prefix = models.CharField(max_length=20)
    last = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "invoice series"
        constraints = [
            models.UniqueConstraint("prefix", name="billing_invoiceseries_prefix"),
            models.CheckConstraint(condition=Q(last__gte=0), name="billing_invoiceseries_last"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}{self.last}"


class InvoiceDocument(BaseModel):
    """The PDF of a finalised invoice, made once."""

    invoice = models.OneToOneField(Invoice, models.PROTECT, related_name="document")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    pdf = models.BinaryField()
    rendered_at = models.DateTimeField()

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="billing_invoicedocument_sha256"
            ),
        ]

    def __str__(self) -> str:
        return f"Document of {self.invoice_id}"
