"""Stripe, in our words: the only module that asks it for anything.

Every write takes the idempotency key of the row that wants it. Sending the same request
again with the same key is always safe; a new key after an unknown outcome never is.
Nothing here may be called inside a database transaction.
"""

from __future__ import annotations

from collections.abc import Mapping

import stripe

from billing.gateways import stripe_answers as answers
from billing.gateways.stripe_connection import client, plain, translated
from billing.gateways.stripe_events import list_events, read_event
from billing.gateways.stripe_pages import (
    expire_checkout,
    fetch_checkout,
    open_card_setup,
    open_checkout,
)
from billing.gateways.types import (
    CardSetup,
    GatewayCustomer,
    PaymentOutcome,
    RefundOutcome,
    RefundReason,
    SavedCard,
)
from config.kit.money import Money

__all__ = [
    "cancel_payment",
    "confirm_payment",
    "create_customer",
    "create_payment",
    "create_setup",
    "detach_card",
    "expire_checkout",
    "fetch_checkout",
    "fetch_payment",
    "find_payments",
    "list_cards",
    "list_events",
    "open_card_setup",
    "open_checkout",
    "read_event",
    "refund_payment",
]

_PAYMENT_PARTS = ["latest_charge.balance_transaction"]
_PAGE = 100
_NONE: Mapping[str, str] = {}


# Customers and cards


def create_customer(
    *, name: str, email: str, metadata: Mapping[str, str], idempotency_key: str
) -> GatewayCustomer:
    with translated():
        customer = client().v1.customers.create(
            {"name": name, "email": email, "metadata": dict(metadata)},
            {"idempotency_key": idempotency_key},
        )
    return answers.customer(plain(customer))


def list_cards(*, customer_id: str) -> list[SavedCard]:
    with translated():
        cards = client().v1.payment_methods.list(
            {"customer": customer_id, "type": "card", "limit": _PAGE}
        )
        return [answers.card(plain(card)) for card in cards.auto_paging_iter()]


def detach_card(*, card_id: str, idempotency_key: str) -> SavedCard:
    """Forget a saved card; repeating is harmless."""
    methods = client().v1.payment_methods
    with translated():
        card = methods.retrieve(card_id)
        if card.customer is not None:
            card = methods.detach(card_id, {}, {"idempotency_key": idempotency_key})
    return answers.card(plain(card))


def create_setup(
    *, customer_id: str, metadata: Mapping[str, str] = _NONE, idempotency_key: str
) -> CardSetup:
    """Begin to save a card for payments while its owner is away."""
    with translated():
        setup = client().v1.setup_intents.create(
            {
                "customer": customer_id,
                "usage": "off_session",
                "allowed_payment_method_types": ["card"],
                "metadata": dict(metadata),
            },
            {"idempotency_key": idempotency_key},
        )
    return answers.setup(plain(setup))


# Payments of our own: create, then confirm, so that one payment can never be two charges


def create_payment(
    *,
    customer_id: str,
    card_id: str,
    amount: Money,
    description: str,
    metadata: Mapping[str, str],
    idempotency_key: str,
) -> PaymentOutcome:
    """An unconfirmed payment: no money moves, and a lost answer leaves nothing to repair."""
    with translated():
        payment = client().v1.payment_intents.create(
            {
                "amount": amount.minor,
                "currency": amount.currency.lower(),
                "customer": customer_id,
                "payment_method": card_id,
                "allowed_payment_method_types": ["card"],
                "description": description,
                "metadata": dict(metadata),
            },
            {"idempotency_key": idempotency_key},
        )
    return answers.payment(plain(payment))


def confirm_payment(
    *,
    payment_id: str,
    card_id: str | None = None,
    off_session: bool = True,
    return_url: str | None = None,
    idempotency_key: str,
) -> PaymentOutcome:
    """Charge the card, or find out how an earlier confirmation of this payment ended.

    Off session a card that wants its owner raises `CardDeclined` with
    `authentication_required`; on session it answers `REQUIRES_ACTION`.
    """
    params: stripe.params.PaymentIntentConfirmParams = {"expand": _PAYMENT_PARTS}
    if off_session:
        params["off_session"] = True
    if card_id is not None:
        params["payment_method"] = card_id
    if return_url is not None:
        params["return_url"] = return_url
    with translated():
        try:
            payment = client().v1.payment_intents.confirm(
                payment_id, params, {"idempotency_key": idempotency_key}
            )
        except stripe.InvalidRequestError as error:
            if error.code != "payment_intent_unexpected_state":
                raise
            return fetch_payment(payment_id=payment_id)
    return answers.payment(plain(payment))


def fetch_payment(*, payment_id: str) -> PaymentOutcome:
    with translated():
        payment = client().v1.payment_intents.retrieve(payment_id, {"expand": _PAYMENT_PARTS})
    return answers.payment(plain(payment))


def cancel_payment(*, payment_id: str, idempotency_key: str) -> PaymentOutcome:
    """Make sure that this payment never charges; answers with what it became.

    It may have succeeded in the meantime: read the status.
    """
    with translated():
        try:
            payment = client().v1.payment_intents.cancel(
                payment_id, {"expand": _PAYMENT_PARTS}, {"idempotency_key": idempotency_key}
            )
        except stripe.InvalidRequestError as error:
            if error.code != "payment_intent_unexpected_state":
                raise
            return fetch_payment(payment_id=payment_id)
    return answers.payment(plain(payment))


def find_payments(*, customer_id: str, metadata: Mapping[str, str]) -> list[PaymentOutcome]:
    """All payments of a customer that carry this metadata, newest first.

    By listing, because Stripe's search lags behind by up to a minute.
    """
    wanted = metadata.items()
    with translated():
        payments = client().v1.payment_intents.list(
            {
                "customer": customer_id,
                "limit": _PAGE,
                "expand": [f"data.{part}" for part in _PAYMENT_PARTS],
            }
        )
        found = (answers.payment(plain(payment)) for payment in payments.auto_paging_iter())
        return [payment for payment in found if wanted <= payment.metadata.items()]


def refund_payment(
    *,
    payment_id: str,
    amount: Money | None = None,
    reason: RefundReason | None = None,
    metadata: Mapping[str, str] = _NONE,
    idempotency_key: str,
) -> RefundOutcome:
    """Give back `amount`, or all that is left; more than was taken is refused."""
    params: stripe.params.RefundCreateParams = {
        "payment_intent": payment_id,
        "metadata": dict(metadata),
    }
    if amount is not None:
        params["amount"] = amount.minor
    if reason is not None:
        params["reason"] = reason.value
    with translated():
        refund = client().v1.refunds.create(params, {"idempotency_key": idempotency_key})
    return answers.refund(plain(refund))
