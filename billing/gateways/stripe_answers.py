"""Turns Stripe's objects, as plain dictionaries, into the gateway's own types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.gateways.types import (
    CardSetup,
    CheckoutStatus,
    GatewayCustomer,
    HostedCheckout,
    PaymentOutcome,
    PaymentStatus,
    RefundOutcome,
    RefundStatus,
    SavedCard,
    VendorEvent,
)

Answer = Mapping[str, Any]

_STATUSES = {
    "requires_confirmation": PaymentStatus.REQUIRES_CONFIRMATION,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.PROCESSING,
    "succeeded": PaymentStatus.SUCCEEDED,
    "canceled": PaymentStatus.CANCELED,
}


def customer(answer: Answer) -> GatewayCustomer:
    return GatewayCustomer(
        id=answer["id"],
        email=answer.get("email") or "",
        name=answer.get("name") or "",
        raw=answer,
    )


def card(answer: Answer) -> SavedCard:
    details = answer["card"]
    return SavedCard(
        id=answer["id"],
        customer_id=_id(answer["customer"]),
        brand=details["brand"],
        last4=details["last4"],
        exp_month=details["exp_month"],
        exp_year=details["exp_year"],
        country=details.get("country"),
        fingerprint=details.get("fingerprint"),
        raw=answer,
    )


def payment(answer: Answer) -> PaymentOutcome:
    charge = _expanded(answer["latest_charge"])
    error = answer.get("last_payment_error") or {}
    details = (charge.get("payment_method_details") or {}).get("card") or {}
    booked = _expanded(charge.get("balance_transaction"))
    return PaymentOutcome(
        id=answer["id"],
        status=_status(answer, failed=bool(error)),
        amount_minor=answer["amount"],
        received_minor=answer["amount_received"],
        refunded_minor=charge.get("amount_refunded", 0),
        currency=answer["currency"].upper(),
        customer_id=_id(answer["customer"]),
        card_id=_id(answer["payment_method"]) or _id(error.get("payment_method")),
        card_brand=details.get("brand") or "",
        card_last4=details.get("last4") or "",
        charge_id=_id(answer["latest_charge"]),
        fee_minor=booked.get("fee"),
        receipt_url=charge.get("receipt_url"),
        decline_code=error.get("decline_code") or error.get("code"),
        decline_message=error.get("message") or "",
        action_url=_action_url(answer.get("next_action") or {}),
        created_at=_moment(answer["created"]),
        metadata=answer["metadata"],
        raw=answer,
    )


def _status(answer: Answer, *, failed: bool) -> PaymentStatus:
    """Wanting a card is a failure after a try, and only a beginning before one."""
    if answer["status"] == "requires_payment_method":
        return PaymentStatus.FAILED if failed else PaymentStatus.REQUIRES_CONFIRMATION
    return _STATUSES[answer["status"]]


def _action_url(action: Answer) -> str | None:
    redirect = action.get("redirect_to_url") or {}
    url: str | None = redirect.get("url")
    return url


def setup(answer: Answer) -> CardSetup:
    return CardSetup(
        id=answer["id"],
        status=_status(answer, failed=bool(answer.get("last_setup_error"))),
        client_secret=answer["client_secret"],
        customer_id=_id(answer["customer"]),
        card_id=_id(answer["payment_method"]),
        raw=answer,
    )


def checkout(answer: Answer) -> HostedCheckout:
    paid_by = _expanded(answer["payment_intent"])
    saved = _expanded(_expanded(answer["setup_intent"]).get("payment_method"))
    currency = answer["currency"]
    return HostedCheckout(
        id=answer["id"],
        url=answer["url"],
        status=CheckoutStatus(answer["status"]),
        paid=answer["payment_status"] == "paid",
        reference=answer["client_reference_id"] or "",
        amount_minor=answer["amount_total"],
        currency=currency.upper() if currency else None,
        customer_id=_id(answer["customer"]),
        payment_id=_id(answer["payment_intent"]),
        setup_id=_id(answer["setup_intent"]),
        payment=payment(paid_by) if paid_by else None,
        card=card(saved) if saved else None,
        expires_at=_moment(answer["expires_at"]),
        metadata=answer["metadata"] or {},
        raw=answer,
    )


def refund(answer: Answer) -> RefundOutcome:
    return RefundOutcome(
        id=answer["id"],
        payment_id=_id(answer["payment_intent"]),
        charge_id=_id(answer["charge"]),
        status=RefundStatus(answer["status"]),
        amount_minor=answer["amount"],
        currency=answer["currency"].upper(),
        created_at=_moment(answer["created"]),
        metadata=answer["metadata"] or {},
        raw=answer,
    )


def event(answer: Answer) -> VendorEvent:
    subject = answer["data"]["object"]
    return VendorEvent(
        id=answer["id"],
        kind=answer["type"],
        object_kind=subject["object"],
        object_id=subject.get("id") or "",
        live=answer["livemode"],
        created_at=_moment(answer["created"]),
        raw=answer,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _id(value: Any) -> str | None:
    """The id, whether the vendor sent it alone or with its object."""
    identifier: str | None = value["id"] if isinstance(value, Mapping) else value
    return identifier


def _expanded(value: Any) -> Answer:
    return value if isinstance(value, Mapping) else {}
