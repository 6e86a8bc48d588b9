"""Charges: one attempt to take money from one card, succeeded or failed."""

from __future__ import annotations

from billing.standins.stripe import balance, cards, events
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import LIST, RANGE, STR, Schema
from billing.standins.stripe.store import Object

LIST_PARAMS: Schema = {**LIST, "created": RANGE, "customer": STR, "payment_intent": STR}


def record(
    call: Call, intent: Object, method: Object, decline: cards.Decline | None = None
) -> Object:
    """Write the charge, its balance entry when it succeeded, and tell."""
    charge = _shape(call, intent, method)
    if decline is None:
        charge["balance_transaction"] = balance.book(
            call,
            charge,
            kind="charge",
            amount=charge["amount"],
            fee_amount=balance.fee(charge["amount"], charge["currency"]),
        )
    else:
        charge |= _failure(decline)
    call.store.insert(charge)
    events.emit(call, "charge.failed" if decline else "charge.succeeded", charge)
    return charge


def _shape(call: Call, intent: Object, method: Object) -> Object:
    identifier = call.store.new_id("ch")
    return {
        "id": identifier,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "STAND-IN",
        "captured": True,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": {
                name: method["card"][name]
                for name in (
                    "brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4"
                )
            },
            "type": "card",
        },
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{call.base_url}/c/receipts/{identifier}",
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }  # fmt: skip


def _failure(decline: cards.Decline) -> Object:
    return {
        "amount_captured": 0,
        "captured": False,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": decline.decline_code,
            "network_status": "declined_by_network",
            "reason": decline.decline_code,
            "risk_level": "normal",
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        },
        "paid": False,
        "receipt_url": None,
        "status": "failed",
    }


def retrieve(call: Call, identifier: str) -> Object:
    return call.get("charge", identifier)


def list_charges(call: Call) -> Object:
    return call.page("charge", "/v1/charges", call.matching("customer", "payment_intent"))
