"""Stripe's own pages, where a customer pays once or leaves a card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import stripe

from billing.gateways import stripe_answers as answers
from billing.gateways.stripe_connection import client, plain, translated
from billing.gateways.types import HostedCheckout
from config.kit.money import Money

_CHECKOUT_PARTS = [
    "payment_intent.latest_charge.balance_transaction",
    "setup_intent.payment_method",
]
_NONE: Mapping[str, str] = {}


def open_checkout(
    *,
    customer_id: str,
    amount: Money,
    description: str,
    reference: str,
    success_url: str,
    cancel_url: str,
    metadata: Mapping[str, str] = _NONE,
    save_card: bool = True,
    expires_at: datetime | None = None,
    idempotency_key: str,
) -> HostedCheckout:
    """A page where the customer pays `amount` once, and by default leaves the card with us.

    `reference` comes back on the checkout, `metadata` on the checkout and on its payment.
    Stripe closes the page after 24 hours, or at `expires_at` (30 minutes to 24 hours away).
    """
    payment: stripe.params.checkout.SessionCreateParamsPaymentIntentData = {
        "description": description,
        "metadata": dict(metadata),
    }
    if save_card:
        payment["setup_future_usage"] = "off_session"
    params: stripe.params.checkout.SessionCreateParams = {
        **_page_params(customer_id, reference, success_url, cancel_url, metadata),
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": amount.currency.lower(),
                    "unit_amount": amount.minor,
                    "product_data": {"name": description},
                },
            }
        ],
        "payment_intent_data": payment,
    }
    if expires_at is not None:
        params["expires_at"] = int(expires_at.timestamp())
    return _open(params, idempotency_key)


def open_card_setup(
    *,
    customer_id: str,
    reference: str,
    success_url: str,
    cancel_url: str,
    metadata: Mapping[str, str] = _NONE,
    idempotency_key: str,
) -> HostedCheckout:
    """A page where the customer saves a card and pays nothing."""
    params: stripe.params.checkout.SessionCreateParams = {
        **_page_params(customer_id, reference, success_url, cancel_url, metadata),
        "mode": "setup",
        "setup_intent_data": {"metadata": dict(metadata)},
    }
    return _open(params, idempotency_key)


def _page_params(
    customer_id: str, reference: str, success_url: str, cancel_url: str, metadata: Mapping[str, str]
) -> stripe.params.checkout.SessionCreateParams:
    return {
        "customer": customer_id,
        "client_reference_id": reference,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "metadata": dict(metadata),
        "allowed_payment_method_types": ["card"],
    }


def _open(
    params: stripe.params.checkout.SessionCreateParams, idempotency_key: str
) -> HostedCheckout:
    with translated():
        session = client().v1.checkout.sessions.create(params, {"idempotency_key": idempotency_key})
    return answers.checkout(plain(session))


def fetch_checkout(*, checkout_id: str) -> HostedCheckout:
    """The page as it stands, with its payment or its saved card."""
    with translated():
        session = client().v1.checkout.sessions.retrieve(checkout_id, {"expand": _CHECKOUT_PARTS})
    return answers.checkout(plain(session))


def expire_checkout(*, checkout_id: str, idempotency_key: str) -> HostedCheckout:
    """Close the page so that it can no longer be paid; answers with what it became.

    A customer may have paid in the meantime: read the status.
    """
    sessions = client().v1.checkout.sessions
    with translated():
        try:
            session = sessions.expire(checkout_id, {}, {"idempotency_key": idempotency_key})
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                raise
            return fetch_checkout(checkout_id=checkout_id)
    return answers.checkout(plain(session))
