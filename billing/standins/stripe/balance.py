"""Balance transactions: what each charge and refund did to the seller's balance, after fees."""

from __future__ import annotations

from typing import Final

from billing.standins.stripe.call import Call
from billing.standins.stripe.params import LIST, RANGE, STR, Schema
from billing.standins.stripe.store import Object

LIST_PARAMS: Schema = {**LIST, "created": RANGE, "currency": STR, "source": STR, "type": STR}

_FEE_PER_MILLE: Final = 15
_FIXED_FEE: Final = {"eur": 25, "gbp": 20, "usd": 30}
_SETTLE_SECONDS: Final = 2 * 86_400


def fee(amount: int, currency: str) -> int:
    """1.5 % rounded half up, and a fixed part in the currencies where we have one."""
    return (amount * _FEE_PER_MILLE + 500) // 1000 + _FIXED_FEE.get(currency, 0)


def book(call: Call, source: Object, *, kind: str, amount: int, fee_amount: int) -> str:
    fee_details = [
        {
            "amount": fee_amount,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    entry = {
        "id": call.store.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": call.now + _SETTLE_SECONDS,
        "balance_type": "payments",
        "created": call.now,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee_amount,
        "fee_details": fee_details if fee_amount else [],
        "net": amount - fee_amount,
        "reporting_category": kind,
        "source": source["id"],
        "status": "pending",
        "type": kind,
    }
    return str(call.store.insert(entry)["id"])


def retrieve(call: Call, identifier: str) -> Object:
    return call.get("balance_transaction", identifier)


def list_entries(call: Call) -> Object:
    conditions = call.matching("currency", "source", "type")
    return call.page("balance_transaction", "/v1/balance_transactions", conditions)
