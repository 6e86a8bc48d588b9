"""Payments: each try to collect an invoice, and what came of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Organization
from billing.models.checks import currency_code, one_of
from billing.models.customer import SavedCard
from billing.models.invoice import Invoice
from billing.models.subscription import Subscription
from billing.rules.attempts import LIVE, AttemptStatus
from config.kit.models import BaseModel, CurrencyField, MoneyDescriptor
from config.kit.tenancy import OrganizationQuerySet


class PaymentAttemptQuerySet(OrganizationQuerySet):
    def live(self) -> PaymentAttemptQuerySet:
        """Attempts that may have taken, or may still take, the money."""
        return self.filter(status__in=LIVE)

    def hosted(self) -> PaymentAttemptQuerySet:
        return self.filter(method="hosted")

    def by_saved_card(self) -> PaymentAttemptQuerySet:
        return self.filter(method="saved_card")


class PaymentAttempt(BaseModel):
    """One try to collect one invoice, written before the vendor is asked.

    `params` and `idempotency_key` are frozen by the database: whatever happens to the answer,
    the same request is sent again under the same key. One live attempt an invoice.
    """

    class Method(models.TextChoices):
        HOSTED = "hosted", "Payment page"
        SAVED_CARD = "saved_card", "Saved card"

    class Status(models.TextChoices):
        REQUESTED = "requested"
        SENDING = "sending"
        UNKNOWN = "unknown"
        REQUIRES_ACTION = "requires_action", "Requires action"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="attempts")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    method = models.CharField(max_length=16, choices=Method)
    card = models.ForeignKey(SavedCard, models.SET_NULL, null=True, blank=True, related_name="+")
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    params = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=255)
    status = models.CharField(max_length=16, choices=Status, default=Status.REQUESTED)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(db_default=0, editable=False)
    payment_intent_id = models.CharField(max_length=255, null=True, blank=True)
    checkout_session_id = models.CharField(max_length=255, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    decline_code = models.CharField(max_length=64, blank=True)
    failure = models.TextField(blank=True)

    amount: Any = MoneyDescriptor("amount_minor")

    objects = PaymentAttemptQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["invoice", "number"]
        constraints = [
            models.UniqueConstraint("invoice", "number", name="billing_attempt_number"),
            models.UniqueConstraint("idempotency_key", name="billing_attempt_key"),
            models.UniqueConstraint("payment_intent_id", name="billing_attempt_intent"),
            models.UniqueConstraint("checkout_session_id", name="billing_attempt_session"),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(status__in=LIVE),
                name="billing_attempt_one_live",
            ),
            one_of("status", [status.value for status in AttemptStatus], "billing_attempt_status"),
            one_of("method", ["hosted", "saved_card"], "billing_attempt_method"),
            currency_code("billing_attempt_currency"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_attempt_amount"),
            models.CheckConstraint(
                condition=~Q(status="sending") | Q(lease_until__isnull=False),
                name="billing_attempt_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                name="billing_attempt_waiting",
                condition=Q(status__in=("requested", "sending", "unknown")),
            ),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number}: {self.status}"

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


class Transaction(BaseModel):
    """Money that moved, as the customer sees it; the ledger is the proof."""

    class Kind(models.TextChoices):
        PAYMENT = "payment"
        REFUND = "refund"
        CREDIT = "credit"

    class Status(models.TextChoices):
        PENDING = "pending"
        COMPLETED = "completed"
        FAILED = "failed"
        REFUNDED = "refunded"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="transactions")
    kind = models.CharField(max_length=16, choices=Kind)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    amount_minor = models.BigIntegerField()
    currency = CurrencyField()
    method = models.CharField(max_length=32, blank=True)
    provider = models.CharField(max_length=32, blank=True)
    provider_id = models.CharField(max_length=255, null=True, blank=True)
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="transactions"
    )
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, null=True, blank=True, related_name="transactions"
    )
    metadata = models.JSONField(default=dict, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    amount: Any = MoneyDescriptor("amount_minor")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint("provider_id", name="billing_transaction_provider"),
            one_of("kind", ["payment", "refund", "credit"], "billing_transaction_kind"),
            one_of(
                "status",
                ["pending", "completed", "failed", "refunded"],
                "billing_transaction_status",
            ),
            currency_code("billing_transaction_currency"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0), name="billing_transaction_amount"
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(processed_at__isnull=False),
                name="billing_transaction_processed",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="billing_transaction_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
