"""Shapes of the billing API. Amounts are whole minor units of the `currency` beside them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from billing.models import Invoice, Order, PaymentAttempt, Product, Subscription
from billing.models.catalog import Interval
from billing.rules.orders import MOST
from billing.services.purchases import Purchase
from config.kit.api import StrictSerializer

_INTERVALS = Interval.choices


class PriceOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    interval = serializers.ChoiceField(choices=_INTERVALS)
    currency = serializers.CharField()
    unit_amount_minor = serializers.IntegerField(help_text="Per unit and interval, without VAT")


class ProductOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Product.Kind.choices)
    slug = serializers.CharField()
    sku = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    description = serializers.CharField()
    specs = serializers.DictField()
    features = serializers.ListField(child=serializers.CharField())
    prices = PriceOutput(many=True, source="active_prices")


class OrderInput(StrictSerializer):
    price = serializers.UUIDField(help_text="Id of a price of the catalogue")
    quantity = serializers.IntegerField(min_value=1, max_value=MOST, default=1)
    payment = serializers.ChoiceField(
        choices=[
            (PaymentAttempt.Method.HOSTED, "On a page of the payment vendor, see checkout"),
            (PaymentAttempt.Method.SAVED_CARD, "At once, with the default card on file"),
        ],
        default=PaymentAttempt.Method.HOSTED,
    )


class OrderItemOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    price = serializers.UUIDField(source="price_id")
    product_name = serializers.CharField()
    sku = serializers.CharField()
    interval = serializers.ChoiceField(choices=_INTERVALS)
    quantity = serializers.IntegerField()
    currency = serializers.CharField()
    unit_amount_minor = serializers.IntegerField()
    total_minor = serializers.IntegerField(help_text="Without VAT")


class PaymentOutput(serializers.Serializer[Any]):
    """The latest try to collect the money."""

    method = serializers.ChoiceField(choices=PaymentAttempt.Method.choices)
    status = serializers.ChoiceField(choices=PaymentAttempt.Status.choices)
    amount_minor = serializers.IntegerField(help_text="With VAT")
    currency = serializers.CharField()
    decline_code = serializers.CharField(help_text="Why the bank refused; empty when it did not")
    failure = serializers.CharField(help_text="The same for people")


class OrderOutput(serializers.Serializer[Any]):
    """An order with its payment, as `services.purchases` sees it."""

    id = serializers.UUIDField(source="order.id")
    number = serializers.CharField(source="order.number")
    kind = serializers.ChoiceField(choices=Product.Kind.choices, source="order.kind")
    status = serializers.ChoiceField(choices=Order.Status.choices, source="order.status")
    currency = serializers.CharField(source="order.currency")
    total_minor = serializers.IntegerField(source="order.total_minor", help_text="Without VAT")
    items = OrderItemOutput(many=True, source="order.items")
    payment = PaymentOutput(source="attempt", allow_null=True)
    invoice = serializers.UUIDField(
        source="final_invoice_id", allow_null=True, help_text="Present once it is paid"
    )
    checkout_path = serializers.SerializerMethodField(
        help_text="POST here for the address of the payment page; null when nothing is to pay"
    )
    placed_at = serializers.DateTimeField(source="order.placed_at")
    completed_at = serializers.DateTimeField(source="order.completed_at", allow_null=True)
    cancelled_at = serializers.DateTimeField(source="order.cancelled_at", allow_null=True)

    def get_checkout_path(self, purchase: Purchase) -> str | None:
        if purchase.order.status != Order.Status.ORDERED:
            return None
        return reverse("api_order_checkout", args=[purchase.order.pk])


class CheckoutOutput(serializers.Serializer[Any]):
    checkout_url = serializers.URLField(help_text="Send the customer there; it ends after a day")


class SubscriptionProductOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Product.Kind.choices)


class SubscriptionOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    product = SubscriptionProductOutput(source="price.product")
    price = serializers.UUIDField(source="price_id")
    status = serializers.ChoiceField(choices=Subscription.Status.choices)
    interval = serializers.ChoiceField(choices=_INTERVALS)
    quantity = serializers.IntegerField()
    currency = serializers.CharField()
    unit_amount_minor = serializers.IntegerField(help_text="Per unit and interval, without VAT")
    current_period_start = serializers.DateTimeField()
    current_period_end = serializers.DateTimeField(help_text="First moment after the period")
    auto_renew = serializers.BooleanField()
    cancel_at_period_end = serializers.BooleanField()
    cancelled_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="InvoiceParty")
class PartyOutput(serializers.Serializer[Any]):
    """A party as it was on the day of the invoice."""

    name = serializers.CharField(default="")
    address = serializers.CharField(default="")
    country = serializers.CharField(default="")
    vat_id = serializers.CharField(default="")


class InvoiceLineOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    description = serializers.CharField()
    quantity = serializers.DecimalField(max_digits=20, decimal_places=6, normalize_output=True)
    unit_amount_minor = serializers.IntegerField()
    net_minor = serializers.IntegerField()
    tax_minor = serializers.IntegerField()
    tax_rate = serializers.DecimalField(
        max_digits=6, decimal_places=3, normalize_output=True, help_text="Percent"
    )
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)
    subscription = serializers.UUIDField(source="subscription_id", allow_null=True)


class InvoiceOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField()
    status = serializers.ChoiceField(choices=Invoice.Status.choices)
    currency = serializers.CharField()
    net_minor = serializers.IntegerField()
    tax_minor = serializers.IntegerField()
    total_minor = serializers.IntegerField()
    order = serializers.UUIDField(source="order_id", allow_null=True)
    issued_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    pdf_path = serializers.SerializerMethodField()
    seller = PartyOutput()
    buyer = PartyOutput()
    tax_note = serializers.CharField()
    lines = InvoiceLineOutput(many=True)

    def get_pdf_path(self, invoice: Invoice) -> str:
        return reverse("api_invoice_pdf", args=[invoice.pk])
