"""Payment attempts as rows: requested, leased to one worker, ended. No network here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q

from billing import events
from billing.models import Invoice, Order, PaymentAttempt, SavedCard
from billing.rules.attempts import may_move
from billing.rules.orders import CardNotFound, PaymentNotOpen
from config.kit.ids import uuid7

logger = structlog.get_logger(__name__)
Status = PaymentAttempt.Status
Method = PaymentAttempt.Method
MOST_TRIES = 5
# A charge whose nudge was lost starts soon; a payment page that nobody opened is given up.
_PATIENCE = {"saved_card": timedelta(seconds=15), "hosted": timedelta(hours=24)}


@transaction.atomic
def request_payment(
    invoice: Invoice, *, method: str, card: SavedCard | None = None
) -> PaymentAttempt:
    """Write the next attempt to collect an invoice; while one is live that one is returned."""
    invoice = Invoice.objects.select_for_update().get(pk=invoice.pk)
    attempts = PaymentAttempt.objects.for_organization(invoice.organization_id)
    live: PaymentAttempt | None = attempts.filter(invoice=invoice).live().first()
    if live is not None:
        return live
    if invoice.status not in (Invoice.Status.DRAFT, Invoice.Status.OPEN):
        raise PaymentNotOpen
    if method == Method.SAVED_CARD:
        _require_card(invoice, card)
    key = uuid7()
    last = attempts.filter(invoice=invoice).aggregate(last=Max("number"))["last"] or 0
    attempt: PaymentAttempt = PaymentAttempt.objects.create(
        id=key,
        invoice=invoice,
        organization_id=invoice.organization_id,
        number=last + 1,
        method=method,
        card=card,
        amount_minor=invoice.total_minor,
        currency=invoice.currency,
        params=_params(key, invoice, method, card),
        idempotency_key=f"a:{key}",
    )
    if method == Method.SAVED_CARD:
        events.payment_requested.send(PaymentAttempt, attempt=attempt)
    return attempt


def _require_card(invoice: Invoice, card: SavedCard | None) -> None:
    if card is None or card.organization_id != invoice.organization_id:
        raise CardNotFound


def _params(key: UUID, invoice: Invoice, method: str, card: SavedCard | None) -> dict[str, Any]:
    """Everything the vendor will be asked with, so that each repetition says the same."""
    reference = str(invoice.order_id or invoice.pk)
    page = f"{settings.SITE_URL}/checkout/{reference}/"
    params: dict[str, Any] = {
        "description": _describe(invoice),
        "reference": reference,
        "metadata": {
            "attempt_id": str(key),
            "invoice_id": str(invoice.pk),
            "organization_id": str(invoice.organization_id),
        },
    }
    if method == Method.HOSTED or card is None:
        return {**params, "success_url": f"{page}return/", "cancel_url": page}
    return {**params, "card": card.stripe_payment_method_id, "return_url": f"{page}return/"}


def _describe(invoice: Invoice) -> str:
    if invoice.order is None:
        return f"{settings.SITE_NAME} {invoice}"
    return f"{settings.SITE_NAME} order {invoice.order.number}"


@transaction.atomic
def claim(attempt_id: UUID, *, at: datetime) -> PaymentAttempt | None:
    """Lease an attempt to this caller; None when it has ended or somebody else is at it."""
    rows = PaymentAttempt.objects.select_for_update(skip_locked=True)
    attempt: PaymentAttempt | None = rows.filter(pk=attempt_id).first()
    if attempt is None or not may_move(attempt.status, Status.SENDING):
        return None
    if attempt.status == Status.SENDING and attempt.lease_until and attempt.lease_until > at:
        return None
    attempt.status = Status.SENDING
    attempt.lease_until = at + settings.CLAIM_LEASE
    attempt.tries += 1
    attempt.save(update_fields=["status", "lease_until", "tries"])
    return attempt


@transaction.atomic
def start_page(attempt: PaymentAttempt, *, at: datetime) -> bool:
    """Note that the payment page is being opened; False when the attempt has ended.

    Not exclusive: two callers send the same request under the same key and get the same page.
    """
    attempt = lock(attempt.pk)
    if not may_move(attempt.status, Status.SENDING):
        return False
    attempt.status, attempt.lease_until = Status.SENDING, at + settings.CLAIM_LEASE
    attempt.save(update_fields=["status", "lease_until"])
    return True


@transaction.atomic
def note_payment(attempt: PaymentAttempt, payment_id: str) -> PaymentAttempt:
    """Remember the vendor's id of this attempt's payment before any money can move."""
    attempt = lock(attempt.pk)
    if attempt.payment_intent_id is None:
        attempt.payment_intent_id = payment_id
        attempt.save(update_fields=["payment_intent_id"])
    return attempt


@transaction.atomic
def mark_unknown(attempt: PaymentAttempt, *, reason: str, again_at: datetime | None) -> None:
    """The answer is missing: ask again at `again_at`; None leaves it to a person."""
    attempt = lock(attempt.pk)
    if not may_move(attempt.status, Status.UNKNOWN):
        return
    attempt.status, attempt.failure, attempt.lease_until = Status.UNKNOWN, reason, again_at
    attempt.save(update_fields=["status", "failure", "lease_until"])


@transaction.atomic
def mark_requires_action(
    attempt: PaymentAttempt, *, url: str, session_id: str | None = None, again_at: datetime
) -> PaymentAttempt:
    """It is the customer's turn, at `url`; look again at `again_at`."""
    attempt = lock(attempt.pk)
    if attempt.status != Status.REQUIRES_ACTION and not may_move(
        attempt.status, Status.REQUIRES_ACTION
    ):
        return attempt
    attempt.status, attempt.checkout_url, attempt.lease_until = (
        Status.REQUIRES_ACTION, url, again_at,
    )  # fmt: skip
    attempt.checkout_session_id = session_id or attempt.checkout_session_id
    attempt.save(update_fields=["status", "checkout_url", "lease_until", "checkout_session_id"])
    return attempt


@transaction.atomic
def look_later(attempt: PaymentAttempt, *, again_at: datetime) -> None:
    """Let others have their turn first: whatever comes of this look, the next is at `again_at`."""
    attempt = lock(attempt.pk)
    if not attempt.is_live or attempt.status == Status.SUCCEEDED:
        return
    attempt.lease_until = again_at
    attempt.save(update_fields=["lease_until"])


@transaction.atomic
def end(
    attempt: PaymentAttempt, *, status: str, reason: str = "", decline_code: str = ""
) -> PaymentAttempt:
    """The attempt failed or was cancelled: no money moved and none will."""
    attempt = lock(attempt.pk)
    if not may_move(attempt.status, status):
        return attempt
    attempt.status, attempt.failure, attempt.lease_until = status, reason, None
    fields = ["status", "failure", "lease_until"]
    if decline_code:
        attempt.decline_code = decline_code
        fields.append("decline_code")
    attempt.save(update_fields=fields)
    if status == Status.FAILED:
        events.payment_failed.send(PaymentAttempt, attempt=attempt)
    logger.info("payment.ended", attempt_id=attempt.pk, status=status)
    return attempt


@transaction.atomic
def replace(attempt: PaymentAttempt) -> PaymentAttempt | None:
    """Request a successor of an attempt that the vendor itself could not carry out."""
    if attempt.number >= MOST_TRIES:
        return None
    invoice = Invoice.objects.get(pk=attempt.invoice_id)
    return request_payment(invoice, method=attempt.method, card=attempt.card)


def lock(attempt_id: UUID) -> PaymentAttempt:
    """Lock an attempt after its order and invoice: the one order in which all are locked."""
    pointer = PaymentAttempt.objects.select_related("invoice").get(pk=attempt_id)
    if pointer.invoice.order_id is not None:
        Order.objects.select_for_update().get(pk=pointer.invoice.order_id)
    Invoice.objects.select_for_update().get(pk=pointer.invoice_id)
    attempt: PaymentAttempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    return attempt


@transaction.atomic
def due(*, method: str, at: datetime, limit: int = 100) -> list[UUID]:
    """Return attempts whose lease or waiting time is over, or whose nudge was lost."""
    over = Q(lease_until__lte=at)
    overdue = over & Q(status__in=(Status.SENDING, Status.UNKNOWN, Status.REQUIRES_ACTION))
    forgotten = (over | Q(lease_until=None)) & Q(
        status=Status.REQUESTED, created_at__lte=at - _PATIENCE[method]
    )
    waiting = PaymentAttempt.objects.filter(overdue | forgotten, method=method)
    rows = waiting.order_by("lease_until", "id").select_for_update(skip_locked=True)
    return list(rows.values_list("id", flat=True)[:limit])
