"""Test data of licensing: a subscription, its license, devices; made through the services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from accounts.models import Organization
from billing.models import Product, Subscription
from licensing.models import License
from licensing.services.devices import Activation, Description, activate_device
from licensing.services.licenses import issue_license
from tests.factories.billing import PriceFactory

AT = datetime(2026, 3, 31, 10, 0, tzinfo=UTC)
_numbers = count(1)


def subscription_of(organization: Organization, **facts: Any) -> Subscription:
    """A running monthly subscription; `grants` and `kind` go to its product."""
    product = {f"product__{name}": facts.pop(name) for name in ("grants", "kind") if name in facts}
    price = facts.pop("price", None) or PriceFactory.create(**product)
    defaults = {
        "price": price,
        "currency": price.currency,
        "unit_amount_minor": price.unit_amount_minor,
        "quantity": 1,
        "interval": price.interval,
        "anchor_at": AT,
        "current_period_start": AT,
        "current_period_end": AT + timedelta(days=30),
    }
    return Subscription.objects.create(organization=organization, **defaults | facts)


def trial_product(kind: str = "license", **trial: Any) -> Product:
    """A product on sale that may be tried for 14 days, unless told otherwise."""
    grants = {"plan": "team", "max_devices": 5, "trial": {"days": 14, **trial}}
    price: Any = PriceFactory.create(product__kind=kind, product__grants=grants)
    return price.product


def license_of(organization: Organization, *, max_devices: int = 5, **facts: Any) -> License:
    """A license of `max_devices`, issued by its subscription; `facts` are set afterwards."""
    grants = {"plan": "team", "max_devices": max_devices}
    license = issue_license(subscription_of(organization, grants=grants), at=AT)
    assert license is not None
    if facts:
        License.objects.filter(pk=license.pk).update(**facts)
    license.refresh_from_db()
    return license


def device_of(license: License, device_id: str = "", **facts: Any) -> Activation:
    """A device that was activated on the license; the token is in the answer."""
    device_id = device_id or f"device-{next(_numbers)}"
    description = Description(
        device_id=device_id, name=facts.pop("name", f"Desk {device_id}"), **facts
    )
    return activate_device(license, device=description, at=AT)
