"""Orders: what a customer asked for, kept as it was sold."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Organization
from billing.models.catalog import Interval, Price, Product
from billing.models.checks import currency_code, one_of
from config.kit.models import BaseModel, CurrencyField, MoneyDescriptor
from config.kit.tenancy import OrganizationQuerySet


class Order(BaseModel):
    """One purchase. `client_key` is the caller's: ordering twice with it is ordering once."""

    class Status(models.TextChoices):
        ORDERED = "ordered"
        COMPLETED = "completed"
        CANCELLED = "cancelled"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="orders")
    number = models.CharField(max_length=100)
    client_key = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=Product.Kind)
    currency = CurrencyField()
    total_minor = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.ORDERED)
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False
    )
    placed_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    details = models.JSONField(default=dict, blank=True)
    notes = models.TextField(blank=True)

    total: Any = MoneyDescriptor("total_minor")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-placed_at", "-id"]
        constraints = [
            models.UniqueConstraint("number", name="billing_order_number"),
            models.UniqueConstraint("organization", "client_key", name="billing_order_once"),
            one_of("status", ["ordered", "completed", "cancelled"], "billing_order_status"),
            one_of("kind", Product.Kind.values, "billing_order_kind"),
            currency_code("billing_order_currency"),
            models.CheckConstraint(condition=Q(total_minor__gte=0), name="billing_order_total"),
            models.CheckConstraint(
                condition=Q(status="completed", completed_at__isnull=False)
                | (~Q(status="completed") & Q(completed_at=None)),
                name="billing_order_completed",
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | (~Q(status="cancelled") & Q(cancelled_at=None)),
                name="billing_order_cancelled",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-placed_at"], name="billing_order_recent"),
            models.Index(fields=["status", "-placed_at"], name="billing_order_by_status"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderItem(BaseModel):
    """One product of an order, with name, sku and price as sold."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    product_name = models.CharField(max_length=120)
    sku = models.CharField(max_length=80)
    interval = models.CharField(max_length=16, choices=Interval)
    currency = CurrencyField()
    quantity = models.IntegerField()
    unit_amount_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()

    unit_amount: Any = MoneyDescriptor("unit_amount_minor")
    total: Any = MoneyDescriptor("total_minor")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints = [
            one_of("interval", Interval.values, "billing_orderitem_interval"),
            currency_code("billing_orderitem_currency"),
            models.CheckConstraint(
                condition=Q(quantity__range=(1, 1000)), name="billing_orderitem_quantity"
            ),
            models.CheckConstraint(
                condition=Q(unit_amount_minor__gte=0)
                & Q(total_minor=models.F("unit_amount_minor") * models.F("quantity")),
                name="billing_orderitem_total",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_name}"
