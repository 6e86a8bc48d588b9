"""Settlement: what the vendor says of a payment becomes our books, exactly once.

The task that charged, the webhook, and recovery all come here with a `PaymentOutcome`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import structlog
from django.db import transaction

from billing import events
from billing.gateways.types import PaymentOutcome, PaymentStatus
from billing.models import Invoice, Order, OrderItem, PaymentAttempt, Subscription, Transaction
from billing.rules.attempts import AttemptStatus
from billing.rules.chart import payment_legs
from billing.rules.delays import back_off, next_look
from billing.services import attempts, invoices, ledger, subscriptions
from config.kit import context

logger = structlog.get_logger(__name__)


class Result(StrEnum):
    SETTLED = "settled"
    ALREADY_SETTLED = "already_settled"
    AMOUNT_DIFFERS = "amount_differs"
    NOT_PAYABLE = "not_payable"
    OTHER_PAYMENT = "other_payment"
    NOTED = "noted"

    @property
    def needs_staff(self) -> bool:
        """Money came that we cannot book: a person must look, and usually refund."""
        return self in (Result.AMOUNT_DIFFERS, Result.NOT_PAYABLE, Result.OTHER_PAYMENT)


def record_outcome(attempt: PaymentAttempt, outcome: PaymentOutcome, *, at: datetime) -> Result:
    """Take over what the vendor says of this attempt's payment; states only move forward."""
    with context.acting(organization_id=attempt.organization_id):
        match outcome.status:
            case PaymentStatus.SUCCEEDED:
                return settle(attempt, outcome, at=at)
            case PaymentStatus.FAILED if attempt.method == PaymentAttempt.Method.SAVED_CARD:
                decline = outcome.decline_code or "unknown"
                attempts.end(
                    attempt,
                    status=AttemptStatus.FAILED,
                    reason=outcome.decline_message,
                    decline_code=decline,
                )
            case PaymentStatus.CANCELED:
                attempts.end(attempt, status=AttemptStatus.CANCELLED, reason="cancelled_at_vendor")
            case PaymentStatus.REQUIRES_ACTION if outcome.action_url and _is_card(attempt):
                again_at = at + next_look(at - attempt.created_at)
                attempts.mark_requires_action(attempt, url=outcome.action_url, again_at=again_at)
            case PaymentStatus.PROCESSING:
                attempts.mark_unknown(attempt, reason="processing", again_at=at + back_off(3))
            case _:
                # On the hosted page a declined card is not the end: the customer tries another.
                pass
    return Result.NOTED


def _is_card(attempt: PaymentAttempt) -> bool:
    return attempt.method == PaymentAttempt.Method.SAVED_CARD


@transaction.atomic
def settle(attempt: PaymentAttempt, outcome: PaymentOutcome, *, at: datetime) -> Result:
    """Book a payment that succeeded and provide what was bought, in one transaction, once.

    The ledger's key of the payment decides who is first; everyone else finds it done.
    """
    attempt = attempts.lock(attempt.pk)
    invoice = Invoice.objects.select_related("order").get(pk=attempt.invoice_id)
    refused = _refusal(attempt, invoice, outcome)
    if refused is not None:
        return _leave_to_staff(attempt, outcome, refused)
    fresh = ledger.post(
        f"pi:{outcome.id}",
        kind="payment",
        legs=payment_legs(attempt.organization_id, attempt.currency, attempt.amount_minor),
        at=at,
        reference={"invoice_id": invoice.pk, "attempt_id": attempt.pk},
    )
    if not fresh:
        return Result.ALREADY_SETTLED
    _close_attempt(attempt, outcome)
    subscription = _complete_order(invoice.order, invoice, at) if invoice.order else None
    _write_transaction(attempt, outcome, subscription, at)
    _mark_paid(invoice, at)
    logger.info("payment.settled", attempt_id=attempt.pk, invoice_id=invoice.pk)
    return Result.SETTLED


def _refusal(attempt: PaymentAttempt, invoice: Invoice, outcome: PaymentOutcome) -> Result | None:
    if attempt.payment_intent_id not in (None, outcome.id):
        return Result.OTHER_PAYMENT
    if outcome.received != attempt.amount:
        return Result.AMOUNT_DIFFERS
    if attempt.status == AttemptStatus.SUCCEEDED:
        return None
    others = PaymentAttempt.objects.for_organization(invoice.organization_id).live()
    taken = others.filter(invoice=invoice).exclude(pk=attempt.pk).exists()
    if taken or invoice.status not in (Invoice.Status.DRAFT, Invoice.Status.OPEN):
        return Result.NOT_PAYABLE
    return None


def _leave_to_staff(attempt: PaymentAttempt, outcome: PaymentOutcome, refused: Result) -> Result:
    attempt.failure = f"{refused.value}: {outcome.id} received {outcome.received}"
    attempt.lease_until = None
    if attempt.is_live and attempt.status != AttemptStatus.SUCCEEDED:
        attempt.status = PaymentAttempt.Status.UNKNOWN
    attempt.save(update_fields=["failure", "lease_until", "status"])
    logger.error(
        "payment.left_to_staff",
        attempt_id=attempt.pk,
        payment_id=outcome.id,
        reason=refused.value,
    )
    return refused


def _close_attempt(attempt: PaymentAttempt, outcome: PaymentOutcome) -> None:
    attempt.status = PaymentAttempt.Status.SUCCEEDED
    attempt.payment_intent_id = outcome.id
    attempt.lease_until, attempt.failure = None, ""
    attempt.save(update_fields=["status", "payment_intent_id", "lease_until", "failure"])


def _complete_order(order: Order, invoice: Invoice, at: datetime) -> Subscription | None:
    """Begin every subscription of the order; return the first, for the transaction's row."""
    zone = order.placed_by.time_zone if order.placed_by else "UTC"
    items = OrderItem.objects.for_organization(order.organization_id).filter(order=order)
    lines = invoice.lines.order_by("position")
    begun = []
    for item, line in zip(items.order_by("id"), lines, strict=True):
        if item.interval == "one_off":
            continue
        subscription = subscriptions.activate_subscription(
            item, invoice=invoice, time_zone=zone, at=at
        )
        subscriptions.describe_line(subscription, line)
        begun.append(subscription)
    order.status, order.completed_at = Order.Status.COMPLETED, at
    order.save(update_fields=["status", "completed_at"])
    return begun[0] if begun else None


def _write_transaction(
    attempt: PaymentAttempt,
    outcome: PaymentOutcome,
    subscription: Subscription | None,
    at: datetime,
) -> None:
    Transaction.objects.create(
        organization_id=attempt.organization_id,
        kind=Transaction.Kind.PAYMENT,
        status=Transaction.Status.COMPLETED,
        amount_minor=attempt.amount_minor,
        currency=attempt.currency,
        method=f"{outcome.card_brand} {outcome.card_last4}".strip() or attempt.method,
        provider="stripe",
        provider_id=outcome.id,
        invoice_id=attempt.invoice_id,
        subscription=subscription,
        metadata={"charge_id": outcome.charge_id, "attempt_id": str(attempt.pk)},
        processed_at=at,
    )


def _mark_paid(invoice: Invoice, at: datetime) -> None:
    invoice = invoices.finalise_invoice(invoice, at=at)
    invoice.status, invoice.paid_at = Invoice.Status.PAID, at
    invoice.save(update_fields=["status", "paid_at"])
    events.invoice_paid.send(Invoice, invoice=invoice)
