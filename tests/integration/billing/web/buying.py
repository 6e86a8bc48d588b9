"""Purchases that are already paid, for tests of what comes after."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now

from accounts.models import Organization
from billing.gateways.types import PaymentOutcome, PaymentStatus
from billing.models import Subscription
from billing.services.settlement import record_outcome
from tests.factories.billing import attempt_of, order_of


def a_subscription(organization: Organization, **facts: Any) -> Subscription:
    """Order one monthly license and settle it, as the vendor's word would."""
    order = order_of(organization, at=now(), **facts)
    attempt = attempt_of(order)
    record_outcome(attempt, paid(attempt), at=now())
    return Subscription.objects.get(order_item__order=order)


def paid(attempt: Any) -> PaymentOutcome:
    return PaymentOutcome(
        id=f"pi_{attempt.pk}",
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
        created_at=now(),
        metadata={},
        raw={},
    )
