"""Refunds: money back, never more than was taken."""

from __future__ import annotations

from billing.standins.stripe import balance, errors, events
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import INT, LIST, MAP, RANGE, STR, Schema
from billing.standins.stripe.store import Object

CREATE_PARAMS: Schema = {
    "amount": INT,
    "charge": STR,
    "expand": [STR],
    "metadata": MAP,
    "payment_intent": STR,
    "reason": ("duplicate", "fraudulent", "requested_by_customer"),
}
LIST_PARAMS: Schema = {**LIST, "charge": STR, "created": RANGE, "payment_intent": STR}


def create(call: Call) -> Object:
    charge = _charge(call)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = call.params.get("amount", left)
    _require_refundable(charge, amount, left)
    refund = call.store.insert(_shape(call, charge, amount))
    refund["balance_transaction"] = balance.book(
        call, refund, kind="refund", amount=-amount, fee_amount=0
    )
    call.store.save(refund)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    call.store.save(charge)
    events.emit(call, "refund.created", refund)
    events.emit(call, "charge.refunded", charge)
    events.emit(call, "refund.updated", refund)
    return refund


def _charge(call: Call) -> Object:
    if "charge" in call.params:
        return call.get("charge", call.params["charge"], param="charge")
    if "payment_intent" not in call.params:
        raise errors.missing_parameter("payment_intent")
    intent = call.get("payment_intent", call.params["payment_intent"], param="payment_intent")
    charge_id = intent["latest_charge"]
    if intent["status"] != "succeeded" or charge_id is None:
        raise errors.invalid(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
            code="payment_intent_unexpected_state",
        )
    return call.get("charge", charge_id)


def _require_refundable(charge: Object, amount: int, left: int) -> None:
    if charge["status"] != "succeeded":
        raise errors.invalid("This charge failed and cannot be refunded.", param="charge")
    if charge["refunded"]:
        raise errors.invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount < 1:
        raise errors.invalid(
            "Invalid positive integer", param="amount", code="parameter_invalid_integer"
        )
    if amount > left:
        raise errors.invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            param="amount",
            code="amount_too_large",
        )


def _shape(call: Call, charge: Object, amount: int) -> Object:
    return {
        "id": call.store.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": call.params.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def retrieve(call: Call, identifier: str) -> Object:
    return call.get("refund", identifier)


def list_refunds(call: Call) -> Object:
    return call.page("refund", "/v1/refunds", call.matching("charge", "payment_intent"))
