"""The catalogue: what is sold, at which prices. Global, the same for every customer."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from billing.models.checks import currency_code, one_of
from config.kit.models import BaseModel, CurrencyField, MoneyDescriptor


class Interval(models.TextChoices):
    HOURLY = "hourly"
    MONTHLY = "monthly"
    YEARLY = "yearly"
    ONE_OFF = "one_off", "one-off"


class ProductQuerySet(models.QuerySet["Product"]):
    def on_sale(self) -> ProductQuerySet:
        """Active products that have at least one active price and are not out of stock."""
        priced = Price.objects.filter(product=models.OuterRef("pk"), is_active=True)
        in_stock = Q(stock=None) | Q(stock__gt=0)
        return self.filter(in_stock, models.Exists(priced), is_active=True)


class Product(BaseModel):
    """One thing on sale. `grants` says what a purchase gives; only the selling app reads it."""

    class Kind(models.TextChoices):
        LICENSE = "license"
        VM = "vm", "VM"
        API = "api", "API"
        SIM = "sim", "SIM"
        HARDWARE = "hardware"

    kind = models.CharField(max_length=16, choices=Kind)
    slug = models.SlugField(max_length=80)
    sku = models.CharField(max_length=80)
    name = models.CharField(max_length=120)
    category = models.CharField(max_length=80, blank=True)
    description = models.TextField(blank=True)
    specs = models.JSONField(default=dict, blank=True)
    features = models.JSONField(default=list, blank=True)
    grants = models.JSONField(default=dict, blank=True)
    sort_order = models.IntegerField(default=0)
    is_active = models.BooleanField(default=True)
    stock = models.IntegerField(null=True, blank=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["sort_order", "name", "id"]
        constraints = [
            models.UniqueConstraint("slug", name="billing_product_slug"),
            models.UniqueConstraint("sku", name="billing_product_sku"),
            one_of("kind", ["license", "vm", "api", "sim", "hardware"], "billing_product_kind"),
            models.CheckConstraint(condition=~Q(name=""), name="billing_product_name"),
            models.CheckConstraint(
                condition=Q(stock=None) | Q(stock__gte=0), name="billing_product_stock"
            ),
        ]
        indexes = [
            models.Index(
                fields=["kind", "sort_order"],
                name="billing_product_shelf",
                condition=Q(is_active=True),
            ),
            models.Index(fields=["category"], name="billing_product_category"),
        ]

    def __str__(self) -> str:
        return self.name


class PriceQuerySet(models.QuerySet["Price"]):
    def on_sale(self) -> PriceQuerySet:
        return self.filter(is_active=True, product__is_active=True)

    def in_currency(self, currency: str) -> PriceQuerySet:
        return self.filter(currency=currency)


class Price(BaseModel):
    """What one unit of a product costs per interval, without VAT."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="prices")
    interval = models.CharField(max_length=16, choices=Interval)
    currency = CurrencyField()
    unit_amount_minor = models.BigIntegerField()
    is_active = models.BooleanField(default=True)

    unit_amount: Any = MoneyDescriptor("unit_amount_minor")

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["unit_amount_minor", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "interval", "currency"],
                condition=Q(is_active=True),
                name="billing_price_one_active",
            ),
            one_of("interval", Interval.values, "billing_price_interval"),
            currency_code("billing_price_currency"),
            models.CheckConstraint(
                condition=Q(unit_amount_minor__gte=0), name="billing_price_amount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.unit_amount} {self.get_interval_display()}"

    @property
    def recurs(self) -> bool:
        return self.interval != Interval.ONE_OFF
