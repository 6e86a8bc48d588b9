"""Test data of billing: a catalogue, a paying customer, an order; made through the services."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import factory

from accounts.models import Organization
from billing.gateways.types import PaymentOutcome, PaymentStatus
from billing.models import (
    BillingProfile,
    Order,
    PaymentAttempt,
    Price,
    Product,
    SavedCard,
    Subscription,
)
from billing.services.orders import place_order

AT = datetime(2026, 3, 31, 10, 0, tzinfo=UTC)
_keys = count(1)


class ProductFactory(factory.django.DjangoModelFactory):
    kind = "license"
    name = "Relay Team"
    slug = factory.Sequence(lambda n: f"relay-{n}")
    sku = factory.Sequence(lambda n: f"RELAY-{n}")
    grants = factory.LazyFunction(lambda: {"plan": "team", "max_devices": 5})

    class Meta:
        model = Product


class PriceFactory(factory.django.DjangoModelFactory):
    product = factory.SubFactory(ProductFactory)
    interval = "monthly"
    currency = "EUR"
    unit_amount_minor = 4900

    class Meta:
        model = Price


def profile_of(organization: Organization, **facts: Any) -> BillingProfile:
    defaults = {"legal_name": "Northwind GmbH", "address": "Berlin", "country": "DE"} | facts
    profile, _ = BillingProfile.objects.update_or_create(
        organization=organization, defaults=defaults
    )
    return profile


def plan_of(organization: Organization, product: Product, **facts: Any) -> Subscription:
    """A subscription to an API plan that has run for long, unless told otherwise."""
    price, _ = Price.objects.get_or_create(
        product=product, interval="monthly", currency="EUR", unit_amount_minor=2900
    )
    defaults = {
        "quantity": 1,
        "currency": "EUR",
        "unit_amount_minor": 2900,
        "interval": "monthly",
        "anchor_at": AT - timedelta(days=365),
        "current_period_start": AT,
        "current_period_end": AT + timedelta(days=30),
    }
    return Subscription.objects.create(organization=organization, price=price, **defaults | facts)


def order_of(organization: Organization, **facts: Any) -> Order:
    """Place an order of one monthly license at 49.00 EUR, unless told otherwise."""
    defaults = {
        "quantity": 1,
        "client_key": f"key-{next(_keys)}",
        "placed_by": None,
        "at": AT,
    } | facts
    if "price" not in defaults:
        defaults["price"] = PriceFactory.create()
    return place_order(organization, **defaults)


def attempt_of(order: Order) -> PaymentAttempt:
    """Return the latest attempt to collect an order."""
    return PaymentAttempt.objects.filter(invoice__order=order).latest("number")


def card_of(organization: Organization, method_id: str) -> SavedCard:
    return SavedCard.objects.create(
        organization=organization,
        stripe_payment_method_id=method_id,
        brand="visa",
        last4="4242",
        exp_month=12,
        exp_year=2044,
    )


def paid(attempt: PaymentAttempt, **changes: Any) -> PaymentOutcome:
    """Return what the vendor says when the attempt's money has arrived, with `changes`."""
    outcome = PaymentOutcome(
        id=f"pi_{attempt.pk.hex}",
        status=PaymentStatus.SUCCEEDED,
        amount_minor=attempt.amount_minor,
        received_minor=attempt.amount_minor,
        refunded_minor=0,
        currency=attempt.currency,
        customer_id="cus_1",
        card_id="pm_1",
        card_brand="visa",
        card_last4="4242",
        charge_id="ch_1",
        fee_minor=None,
        receipt_url=None,
        decline_code=None,
        decline_message="",
        action_url=None,
        created_at=AT,
        metadata={},
        raw={},
    )
    return replace(outcome, **changes)
