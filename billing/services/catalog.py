"""The catalogue: products on sale and their prices, which are replaced and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from billing import events
from billing.models import Price, Product
from billing.rules.grants import require_api_plan
from billing.rules.metering import require_rates
from config.kit.errors import InvalidInput
from config.kit.money import Money


@transaction.atomic
def publish_product(slug: str, **fields: Any) -> Product:
    """Create the product of this slug, or bring it to these fields; repeatable."""
    if "grants" in fields:
        require_grants(fields["kind"], fields["grants"])
    if "specs" in fields:
        require_rates(fields["specs"])
    product, _ = Product.objects.update_or_create(slug=slug, defaults=fields)
    return product


def require_grants(kind: str, grants: Any) -> None:
    """Raise `InvalidInput` unless whoever provides this kind can give what is granted."""
    if not isinstance(grants, Mapping):
        detail = "This must be a JSON object, in curly brackets."
        raise InvalidInput(errors=[{"pointer": "/grants", "code": "invalid", "detail": detail}])
    if kind == Product.Kind.API:
        require_api_plan(grants)
    events.product_publishing.send(Product, kind=kind, grants=grants)


@transaction.atomic
def set_price(product: Product, *, interval: str, unit_amount: Money) -> Price:
    """Sell the product at this price from now on; the former stays on what was sold before."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    former = Price.objects.filter(
        product=product, interval=interval, currency=unit_amount.currency, is_active=True
    ).first()
    if former is not None and former.unit_amount_minor == unit_amount.minor:
        return former
    if former is not None:
        withdraw_price(former)
    return Price.objects.create(
        product=product,
        interval=interval,
        currency=unit_amount.currency,
        unit_amount_minor=unit_amount.minor,
    )


@transaction.atomic
def withdraw_price(price: Price) -> Price:
    """Stop selling at this price; subscriptions sold at it keep it."""
    price = Price.objects.select_for_update().get(pk=price.pk)
    price.is_active = False
    price.save(update_fields=["is_active"])
    return price
