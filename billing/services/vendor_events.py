"""What each kind of webhook means: which object to fetch again, and what to record of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import structlog

from billing.gateways import stripe
from billing.gateways.types import HostedCheckout, PaymentOutcome, PaymentStatus
from billing.models import PaymentAttempt, StripeEvent
from billing.services import checkout, customers
from billing.services.settlement import Result, record_outcome

logger = structlog.get_logger(__name__)

Change = Callable[[], str]
"""Records what was fetched, inside the caller's transaction; returns why it could not, or ""."""

_CARD_EVENTS = (
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
)
# Money that moved by another hand than ours: kept open until staff have booked it.
_STAFF_EVENTS = ("charge.refunded", "charge.dispute.created", "charge.dispute.closed")


def prepare(event: StripeEvent, *, at: datetime) -> Change:
    """Fetch the event's object from the vendor and return what is to be recorded of it."""
    if event.type.startswith("payment_intent."):
        payment = stripe.fetch_payment(payment_id=event.object_id)
        return lambda: _record_payment(payment, event.type, at)
    if event.type.startswith("checkout.session."):
        page = stripe.fetch_checkout(checkout_id=event.object_id)
        if page.setup_id is not None and page.customer_id:
            customers.refresh_cards(page.customer_id)
        return lambda: _record_page(page, at)
    if event.type in _CARD_EVENTS:
        customer_id = _customer_of(event.payload)
        if customer_id:
            customers.refresh_cards(customer_id)
        return _nothing
    if event.type in _STAFF_EVENTS:
        return lambda: f"left_to_staff: {event.type} of {event.object_id}"
    return _nothing


def _nothing() -> str:
    return ""


def _record_payment(payment: PaymentOutcome, kind: str, at: datetime) -> str:
    attempt = _attempt_of(payment.metadata, payment_intent_id=payment.id)
    if attempt is None:
        # Earlier events of the same payment say nothing more: one of them is kept open.
        if payment.status != PaymentStatus.SUCCEEDED or kind != "payment_intent.succeeded":
            return ""
        logger.error("payment.unmatched", payment_id=payment.id)
        return f"unmatched: {payment.id} received {payment.received}"
    return _said(record_outcome(attempt, payment, at=at), payment.id)


def _record_page(page: HostedCheckout, at: datetime) -> str:
    attempt = _attempt_of(page.metadata, checkout_session_id=page.id)
    if attempt is None:
        if not page.paid or page.setup_id is not None:
            return ""
        logger.error("payment.unmatched", checkout_id=page.id)
        return f"unmatched: {page.id}"
    return _said(checkout.record_page(attempt, page, at=at), page.id)


def _said(result: Result, vendor_id: str) -> str:
    return f"{result.value}: {vendor_id}" if result.needs_staff else ""


def _attempt_of(metadata: Mapping[str, str], **ids: str) -> PaymentAttempt | None:
    """Find the attempt by the vendor's id, else by what we wrote on the vendor's object."""
    found: PaymentAttempt | None = PaymentAttempt.objects.filter(**ids).first()
    if found is not None:
        return found
    try:
        key = UUID(metadata.get("attempt_id", ""))
    except ValueError:
        return None
    return PaymentAttempt.objects.filter(pk=key).first()


def _customer_of(payload: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """The customer of a card event; a removed card names only the one it had before."""
    subject = payload["data"]
    before = subject.get("previous_attributes") or {}
    return subject["object"].get("customer") or before.get("customer") or ""
