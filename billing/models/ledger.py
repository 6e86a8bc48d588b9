"""The double-entry ledger. The database keeps it balanced; nothing ever edits it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Organization
from billing.models.checks import currency_code, one_of
from config.kit.models import BaseModel, CurrencyField


class LedgerAccount(BaseModel):
    """An account in one currency; `organization` is set for a customer's own accounts."""

    class Kind(models.TextChoices):
        ASSET = "asset"
        LIABILITY = "liability"
        REVENUE = "revenue"
        EXPENSE = "expense"
        EQUITY = "equity"

    code = models.CharField(max_length=120)
    currency = CurrencyField()
    kind = models.CharField(max_length=16, choices=Kind)
    organization = models.ForeignKey(
        Organization, models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["code"]
        constraints = [
            models.UniqueConstraint("code", name="billing_ledgeraccount_code"),
            models.UniqueConstraint("id", "currency", name="billing_ledgeraccount_in_currency"),
            one_of(
                "kind",
                ["asset", "liability", "revenue", "expense", "equity"],
                "billing_ledgeraccount_kind",
            ),
            currency_code("billing_ledgeraccount_currency"),
        ]

    def __str__(self) -> str:
        return self.code


class LedgerTransaction(models.Model):
    """One posting. `key` names the cause, so that the same cause cannot be posted twice."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=255)
    kind = models.CharField(max_length=40)
    reference = models.JSONField(default=dict)
    booked_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [models.UniqueConstraint("key", name="billing_ledgertransaction_key")]

    def __str__(self) -> str:
        return self.key


class LedgerEntry(models.Model):
    """One leg: positive debits the account, negative credits it, in minor units."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.ForeignKey(
        LedgerTransaction, models.PROTECT, related_name="entries", db_index=False
    )
    account = models.ForeignKey(
        LedgerAccount, models.PROTECT, related_name="entries", db_index=False
    )
    currency = CurrencyField()
    amount_minor = models.BigIntegerField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(condition=~Q(amount_minor=0), name="billing_ledgerentry_amount"),
        ]
        indexes = [
            models.Index(fields=["transaction"], name="billing_ledgerentry_posting"),
            models.Index(fields=["account", "id"], name="billing_ledgerentry_account"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"
