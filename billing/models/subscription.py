"""Subscriptions: what is provided until when, in stored periods."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Organization
from billing.models.catalog import Interval, Price
from billing.models.checks import currency_code, earlier, one_of
from billing.models.invoice import Invoice
from billing.models.order import OrderItem
from config.kit.models import BaseModel, CurrencyField, MoneyDescriptor
from config.kit.tenancy import OrganizationQuerySet


class SubscriptionQuerySet(OrganizationQuerySet):
    def running(self) -> SubscriptionQuerySet:
        """Subscriptions whose product is provided: paid, or in the grace after a failed charge."""
        return self.filter(status__in=("active", "past_due"))


class Subscription(BaseModel):
    """One product provided to one customer, at the price it was sold for.

    `anchor_at` is the instant every boundary is counted from, in `time_zone`, so that a
    subscription of the 31st comes back to the 31st after February.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAST_DUE = "past_due", "Past due"
        PAUSED = "paused"
        CANCELLED = "cancelled"
        ENDED = "ended"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="subscriptions")
    order_item = models.OneToOneField(
        OrderItem, models.PROTECT, null=True, blank=True, related_name="subscription"
    )
    price = models.ForeignKey(Price, models.PROTECT, related_name="subscriptions")
    currency = CurrencyField()
    unit_amount_minor = models.BigIntegerField()
    quantity = models.IntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    interval = models.CharField(max_length=16, choices=Interval)
    anchor_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64, default="UTC")
    auto_renew = models.BooleanField(default=True)
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    next_run_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancel_at_period_end = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    stripe_subscription_id = models.CharField(max_length=255, null=True, blank=True)
    stripe_price_id = models.CharField(max_length=255, blank=True)

    unit_amount: Any = MoneyDescriptor("unit_amount_minor")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint("stripe_subscription_id", name="billing_subscription_stripe"),
            one_of(
                "status",
                ["active", "past_due", "paused", "cancelled", "ended"],
                "billing_subscription_status",
            ),
            models.CheckConstraint(
                condition=Q(interval__in=["hourly", "monthly", "yearly"]),
                name="billing_subscription_interval",
            ),
            currency_code("billing_subscription_currency"),
            earlier("current_period_start", "current_period_end", "billing_subscription_period"),
            models.CheckConstraint(
                condition=Q(quantity__range=(1, 1000)), name="billing_subscription_quantity"
            ),
            models.CheckConstraint(
                condition=Q(unit_amount_minor__gte=0), name="billing_subscription_amount"
            ),
            models.CheckConstraint(
                condition=Q(status="ended", ended_at__isnull=False)
                | (~Q(status="ended") & Q(ended_at=None)),
                name="billing_subscription_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "status"], name="billing_subscription_of_org"),
            models.Index(
                fields=["next_run_at", "id"],
                name="billing_subscription_due",
                condition=Q(next_run_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.price.product} ({self.status})"

    @property
    def is_running(self) -> bool:
        return self.status in (self.Status.ACTIVE, self.Status.PAST_DUE)

    @property
    def amount(self) -> Any:
        """What one interval costs, without VAT."""
        return self.unit_amount * self.quantity


class BillingPeriod(BaseModel):
    """One stored period [starts_at, ends_at); the database refuses two that overlap."""

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="periods")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="periods"
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["subscription", "starts_at"]
        constraints = [
            models.UniqueConstraint("subscription", "starts_at", name="billing_period_once"),
            earlier("starts_at", "ends_at", "billing_period_forward"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"
