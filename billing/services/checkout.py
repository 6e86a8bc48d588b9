"""The payment vendor's own page: opened once per attempt, looked at until it is over.

Nothing here runs inside a transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.utils.timezone import now

from billing.gateways import stripe
from billing.gateways.types import CheckoutStatus, HostedCheckout
from billing.models import Order, PaymentAttempt
from billing.rules.attempts import AttemptStatus
from billing.rules.delays import next_look
from billing.rules.orders import PaymentNotOpen
from billing.services import attempts, orders, settlement
from billing.services.customers import ensure_stripe_customer
from config.kit import context
from config.kit.errors import GatewayError, Unavailable

logger = structlog.get_logger(__name__)
ABANDONED_AFTER = timedelta(hours=24)


def open_hosted_page(attempt: PaymentAttempt) -> str:
    """Return the address of the vendor's page for this attempt.

    A repeated call returns the same page, also when the first answer was lost: the request is
    sent again in the same words under the attempt's own key. Raises `Unavailable` when the
    vendor does not answer, `PaymentNotOpen` when the attempt has ended.
    """
    attempt = PaymentAttempt.objects.select_related("invoice__organization").get(pk=attempt.pk)
    if attempt.status == AttemptStatus.REQUIRES_ACTION and attempt.checkout_url:
        return attempt.checkout_url
    at = now()
    if attempt.method != PaymentAttempt.Method.HOSTED or not attempts.start_page(attempt, at=at):
        raise PaymentNotOpen
    try:
        page = _open(attempt)
    except GatewayError as error:
        attempt.refresh_from_db()
        if attempt.status == AttemptStatus.REQUIRES_ACTION and attempt.checkout_url:
            # A second request for the page was quicker and has it.
            return attempt.checkout_url
        _note_failure(attempt, error, at)
        raise Unavailable from error
    attempt = attempts.mark_requires_action(
        attempt, url=page.url or "", session_id=page.id, again_at=at + next_look(timedelta())
    )
    if not page.url:
        raise PaymentNotOpen
    return page.url


def _open(attempt: PaymentAttempt) -> HostedCheckout:
    params = attempt.params
    return stripe.open_checkout(
        customer_id=ensure_stripe_customer(attempt.invoice.organization),
        amount=attempt.amount,
        description=params["description"],
        reference=params["reference"],
        success_url=params["success_url"],
        cancel_url=params["cancel_url"],
        metadata=params["metadata"],
        idempotency_key=attempt.idempotency_key,
    )


def _note_failure(attempt: PaymentAttempt, error: GatewayError, at: datetime) -> None:
    """A page whose address nobody has seen cannot be paid, so a refusal may end the attempt."""
    logger.warning("checkout.unanswered", attempt_id=attempt.pk, code=error.code)
    if error.retryable:
        attempts.mark_unknown(attempt, reason=str(error), again_at=at + ABANDONED_AFTER)
        return
    attempts.end(attempt, status=AttemptStatus.FAILED, reason=str(error))
    if error.code == "saved_failure":
        attempts.replace(attempt)


def look_at_page(attempt_id: UUID, *, at: datetime) -> None:
    """Ask the vendor how a page stands, for webhooks that were lost, and record the answer."""
    attempt = PaymentAttempt.objects.select_related("invoice__order").get(pk=attempt_id)
    if not attempt.is_live or attempt.status == AttemptStatus.SUCCEEDED:
        return
    with context.acting(organization_id=attempt.organization_id):
        # First of all, so that a page that cannot be recorded does not come before all others.
        attempts.look_later(attempt, again_at=at + next_look(at - attempt.created_at))
        if attempt.checkout_session_id is None:
            _give_up_unopened(attempt, at)
            return
        try:
            page = stripe.fetch_checkout(checkout_id=attempt.checkout_session_id)
        except GatewayError as error:
            logger.warning("checkout.unanswered", attempt_id=attempt.pk, code=error.code)
            return
        record_page(attempt, page, at=at)


def record_page(
    attempt: PaymentAttempt, page: HostedCheckout, *, at: datetime
) -> settlement.Result:
    """Take over what the vendor says of a page: its payment, its end, or that it is still open."""
    if page.payment is not None and page.status == CheckoutStatus.COMPLETE:
        return settlement.record_outcome(attempt, page.payment, at=at)
    if page.status == CheckoutStatus.EXPIRED:
        attempts.end(attempt, status=AttemptStatus.CANCELLED, reason="page_expired")
    elif page.status == CheckoutStatus.OPEN and attempt.checkout_session_id in (None, page.id):
        again_at = at + next_look(at - attempt.created_at)
        attempts.mark_requires_action(
            attempt, url=page.url or "", session_id=page.id, again_at=again_at
        )
    return settlement.Result.NOTED


def _give_up_unopened(attempt: PaymentAttempt, at: datetime) -> None:
    if at - attempt.created_at >= ABANDONED_AFTER:
        attempts.end(attempt, status=AttemptStatus.CANCELLED, reason="abandoned")
    else:
        attempts.look_later(attempt, again_at=attempt.created_at + ABANDONED_AFTER)


def close_page(attempt: PaymentAttempt, *, at: datetime) -> None:
    """Make the page unpayable, unless somebody has just paid: then that is recorded."""
    if attempt.checkout_session_id is None:
        return
    try:
        page = stripe.expire_checkout(
            checkout_id=attempt.checkout_session_id,
            idempotency_key=f"{attempt.idempotency_key}:e",
        )
    except GatewayError as error:
        raise Unavailable from error
    if page.status == CheckoutStatus.EXPIRED:
        attempts.end(attempt, status=AttemptStatus.CANCELLED, reason="page_closed")


def cancel_order(order: Order, *, at: datetime) -> Order:
    """Give an order up, closing its payment page first; a payment that came in wins."""
    invoice = orders.invoice_of(order)
    waiting = PaymentAttempt.objects.for_organization(order.organization_id).hosted()
    for attempt in waiting.filter(invoice=invoice, status=AttemptStatus.REQUIRES_ACTION):
        close_page(attempt, at=at)
    return orders.cancel_order(order, at=at)
