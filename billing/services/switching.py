"""Paying an order with a saved card although its payment page was asked for first.

Nothing here runs inside a transaction: the page may have to be closed at the vendor.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from billing.models import Order, PaymentAttempt, SavedCard
from billing.rules.attempts import AttemptStatus
from billing.rules.orders import PaymentInProgress
from billing.services import attempts, checkout, orders


def pay_with_card(order: Order, card: SavedCard, *, at: datetime) -> PaymentAttempt:
    """Request a charge of `card`; a page that could still be paid is closed before.

    Raises `PaymentInProgress` when the page cannot be closed or was just paid: two ways to pay
    one order must never be open at once.
    """
    invoice = orders.invoice_of(order)
    pages = PaymentAttempt.objects.for_organization(order.organization_id).hosted().live()
    for page in pages.filter(invoice=invoice):
        if not _drop_unopened(page):
            checkout.close_page(page, at=at)
    attempt = orders.pay_again(order, method=PaymentAttempt.Method.SAVED_CARD, card=card)
    if attempt.method != PaymentAttempt.Method.SAVED_CARD:
        raise PaymentInProgress
    return attempt


@transaction.atomic
def _drop_unopened(page: PaymentAttempt) -> bool:
    """End a page that the vendor was never asked for; False when it was."""
    if attempts.lock(page.pk).status != AttemptStatus.REQUESTED:
        return False
    attempts.end(page, status=AttemptStatus.CANCELLED, reason="other_method")
    return True
