"""A house full of customers, made through the services: what staff find when they come in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import now

from accounts.models import Organization, User
from accounts.services.organizations import create_organization
from accounts.services.users import create_user
from billing.gateways.types import PaymentOutcome, PaymentStatus
from billing.models import PaymentAttempt, Price, StripeEvent
from billing.services import attempts, settlement
from config.kit import context
from licensing.models import License
from licensing.services.devices import Description, activate_device
from tests.factories.billing import PriceFactory, attempt_of, order_of, profile_of
from tests.factories.tokens import leave_traces


def customer(number: int) -> tuple[Organization, User]:
    owner = create_user(f"owner{number}@example.com", "correct horse battery", first_name="Ada")
    organization = create_organization(name=f"Customer {number}", owner=owner, country="DE")
    with context.acting(organization_id=organization.pk):
        profile_of(organization, legal_name=f"Customer {number} GmbH")
    return organization, owner


def paid(attempt: PaymentAttempt, at: datetime) -> PaymentOutcome:
    """Return what the vendor says of an attempt that took the money."""
    return PaymentOutcome(
        id=f"pi_{attempt.pk.hex}",
        status=PaymentStatus.SUCCEEDED,
        amount_minor=attempt.amount_minor,
        received_minor=attempt.amount_minor,
        refunded_minor=0,
        currency=attempt.currency,
        customer_id=None,
        card_id=None,
        card_brand="visa",
        card_last4="4242",
        charge_id=f"ch_{attempt.pk.hex}",
        fee_minor=None,
        receipt_url=None,
        decline_code=None,
        decline_message="",
        action_url=None,
        created_at=at,
        metadata={},
        raw={},
    )


def purchase(organization: Organization, owner: User, price: Price, at: datetime) -> License:
    """Let the customer buy one license and pay for it; return the license."""
    with context.acting(organization_id=organization.pk):
        order = order_of(organization, price=price, placed_by=owner, at=at)
        attempt = attempt_of(order)
        settlement.settle(attempt, paid(attempt, at), at=at)
        return License.objects.get(subscription__order_item__order=order)


def failed_payment(organization: Organization, price: Price, at: datetime) -> PaymentAttempt:
    with context.acting(organization_id=organization.pk):
        attempt = attempt_of(order_of(organization, price=price, at=at))
        attempts.end(attempt, status="failed", reason="card", decline_code="card_declined")
    return attempt


def device(license: License, number: int, at: datetime) -> Any:
    description = Description(f"dev-{number}", f"Workbench {number}", "linux", "wb", "1.4.2")
    with context.acting(organization_id=license.organization_id):
        return activate_device(license, device=description, at=at).device


def webhook(number: int, at: datetime, **facts: Any) -> StripeEvent:
    payload = {"id": f"evt_{number}", "type": "payment_intent.succeeded", "data": {"object": {}}}
    return StripeEvent.objects.create(
        event_id=f"evt_{number}",
        type="payment_intent.succeeded",
        object_id=f"pi_{number}",
        created=at,
        payload=payload,
        **facts,
    )


def fill(count: int, *, at: datetime, start: int = 0) -> None:
    """Make `count` customers, each with a paid license, a device, a failed payment, a webhook, apps."""
    price = PriceFactory.create()
    for number in range(start, start + count):
        organization, owner = customer(number)
        license = purchase(organization, owner, price, at - timedelta(days=1))
        device(license, number, now())
        failed_payment(organization, price, at - timedelta(hours=1))
        webhook(number, at)
        leave_traces(owner, number)
