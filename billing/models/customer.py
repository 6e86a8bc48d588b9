"""The customer as the invoice and the payment vendor know it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Organization
from billing.models.checks import currency_code
from config.kit.models import BaseModel, CurrencyField
from config.kit.tenancy import OrganizationQuerySet


class BillingProfile(BaseModel):
    """Whom invoices are made out to, and the customer's id at the payment vendor."""

    organization = models.OneToOneField(
        Organization, models.PROTECT, related_name="billing_profile"
    )
    currency = CurrencyField(default="EUR")
    legal_name = models.CharField(max_length=200, blank=True)
    address = models.TextField(max_length=500, blank=True)
    country = models.CharField(max_length=2, blank=True)
    vat_id = models.CharField(max_length=20, blank=True)
    stripe_customer_id = models.CharField(max_length=255, null=True, blank=True)
    stripe_customer_request = models.JSONField(null=True, blank=True, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("stripe_customer_id", name="billing_profile_stripe_customer"),
            currency_code("billing_profile_currency"),
            models.CheckConstraint(
                condition=Q(country="") | Q(country__regex=r"^[A-Z]{2}$"),
                name="billing_profile_country",
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name or str(self.organization)


class SavedCard(BaseModel):
    """A card kept at the vendor; only what a person needs to recognise it is kept here."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="saved_cards")
    stripe_payment_method_id = models.CharField(max_length=255)
    brand = models.CharField(max_length=32)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    is_default = models.BooleanField(default=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-is_default", "-created_at", "-id"]
        constraints = [
            models.UniqueConstraint("stripe_payment_method_id", name="billing_savedcard_method"),
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(is_default=True),
                name="billing_savedcard_one_default",
            ),
            models.CheckConstraint(
                condition=Q(last4__regex=r"^[0-9]{4}$"), name="billing_savedcard_last4"
            ),
            models.CheckConstraint(
                condition=Q(exp_month__range=(1, 12)), name="billing_savedcard_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand.title()} ending in {self.last4}"
