"""Charges saved cards: claim, make the payment, remember it, confirm it, record the answer.

Nothing here runs inside a transaction. A payment is made unconfirmed first, and one payment
can never become two charges, so a process that dies anywhere is made good by asking again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from billing.gateways import stripe
from billing.gateways.types import CardDeclined, PaymentOutcome, PaymentStatus
from billing.models import PaymentAttempt
from billing.rules.attempts import AttemptStatus
from billing.rules.delays import KEY_LIFE, back_off
from billing.services import attempts, settlement
from billing.services.customers import ensure_stripe_customer
from config.kit import context
from config.kit.errors import GatewayError

logger = structlog.get_logger(__name__)


def charge(attempt_id: UUID, *, at: datetime) -> None:
    """Carry one attempt forward as far as it goes; safe to run at any time, any number of times.

    An unknown outcome is never followed by a new key: the vendor is asked by id, or with the
    same request under the same key.
    """
    attempt = attempts.claim(attempt_id, at=at)
    if attempt is None:
        return
    with context.acting(organization_id=attempt.organization_id):
        try:
            _carry(attempt, at)
        except CardDeclined as declined:
            _decline(attempt, declined, at)
        except GatewayError as error:
            _put_off(attempt, error, at)


def _carry(attempt: PaymentAttempt, at: datetime) -> None:
    if attempt.payment_intent_id is None:
        payment = _make_payment(attempt, at)
        attempt = attempts.note_payment(attempt, payment.id)
    else:
        payment = stripe.fetch_payment(payment_id=attempt.payment_intent_id)
    if payment.status == PaymentStatus.REQUIRES_CONFIRMATION:
        payment = stripe.confirm_payment(
            payment_id=payment.id,
            off_session=False,
            return_url=attempt.params["return_url"],
            idempotency_key=f"{attempt.idempotency_key}:x",
        )
    settlement.record_outcome(attempt, payment, at=at)


def _make_payment(attempt: PaymentAttempt, at: datetime) -> PaymentOutcome:
    customer_id = ensure_stripe_customer(attempt.invoice.organization)
    metadata = attempt.params["metadata"]
    if at - attempt.created_at > KEY_LIFE:
        # The key may be forgotten: the same request could make a second payment.
        found = stripe.find_payments(
            customer_id=customer_id, metadata={"attempt_id": metadata["attempt_id"]}
        )
        if found:
            return found[-1]
    return stripe.create_payment(
        customer_id=customer_id,
        card_id=attempt.params["card"],
        amount=attempt.amount,
        description=attempt.params["description"],
        metadata=metadata,
        idempotency_key=f"{attempt.idempotency_key}:c",
    )


def _decline(attempt: PaymentAttempt, declined: CardDeclined, at: datetime) -> None:
    if declined.payment is not None and declined.payment.status != PaymentStatus.FAILED:
        settlement.record_outcome(attempt, declined.payment, at=at)
        return
    attempts.end(
        attempt,
        status=AttemptStatus.FAILED,
        reason=declined.detail,
        decline_code=declined.decline_code,
    )


def _put_off(attempt: PaymentAttempt, error: GatewayError, at: datetime) -> None:
    """The outcome is unknown: ask again later. Only proof that no money can move ends it."""
    logger.warning("payment.unanswered", attempt_id=attempt.pk, code=error.code)
    again_at = at + back_off(attempt.tries)
    if error.retryable:
        attempts.mark_unknown(attempt, reason=str(error), again_at=again_at)
        return
    try:
        proven = _prove_uncharged(attempt)
    except GatewayError as second:
        attempts.mark_unknown(attempt, reason=str(second), again_at=again_at)
        return
    if isinstance(proven, PaymentOutcome):
        settlement.record_outcome(attempt, proven, at=at)
        return
    attempts.end(attempt, status=AttemptStatus.FAILED, reason=str(error))
    if error.code == "saved_failure":
        attempts.replace(attempt)


def _prove_uncharged(attempt: PaymentAttempt) -> PaymentOutcome | None:
    """Cancel whatever this attempt left at the vendor; return the payment if it was charged.

    A cancelled payment can never charge, so afterwards a new attempt is safe.
    """
    attempt = PaymentAttempt.objects.get(pk=attempt.pk)
    payment_id = attempt.payment_intent_id
    if payment_id is None:
        payment_id = _find_lost_payment(attempt)
    if payment_id is None:
        return None
    attempts.note_payment(attempt, payment_id)
    payment = stripe.fetch_payment(payment_id=payment_id)
    if payment.status not in (PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED):
        payment = stripe.cancel_payment(
            payment_id=payment_id, idempotency_key=f"{attempt.idempotency_key}:v"
        )
    return None if payment.status == PaymentStatus.CANCELED else payment


def _find_lost_payment(attempt: PaymentAttempt) -> str | None:
    found = stripe.find_payments(
        customer_id=ensure_stripe_customer(attempt.invoice.organization),
        metadata={"attempt_id": attempt.params["metadata"]["attempt_id"]},
    )
    return found[-1].id if found else None
