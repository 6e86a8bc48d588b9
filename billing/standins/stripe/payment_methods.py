"""Payment methods: cards, made from a number or a test token, attached to customers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from billing.standins.stripe import cards, customers, errors, events
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import INT, LIST, MAP, STR, Schema
from billing.standins.stripe.store import Object

_DETAILS: Schema = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), STR),
    "email": STR,
    "name": STR,
    "phone": STR,
}
CREATE_PARAMS: Schema = {
    "billing_details": _DETAILS,
    "card": {"number": STR, "exp_month": INT, "exp_year": INT, "cvc": STR},
    "expand": [STR],
    "metadata": MAP,
    "type": ("card",),
}
ATTACH_PARAMS: Schema = {"customer": STR, "expand": [STR]}
LIST_PARAMS: Schema = {**LIST, "customer": STR, "type": STR}


def create(call: Call) -> Object:
    given = call.params.get("card")
    if not given or "number" not in given:
        raise errors.missing_parameter("card[number]")
    card = known_card(given["number"])
    month, year = given.get("exp_month", 0), given.get("exp_year", 0)
    check_expiry(call, month, year)
    check_cvc(card, given.get("cvc", "123"))
    return make(call, card, month=month, year=year, details=call.params.get("billing_details"))


def known_card(number: str) -> cards.Card:
    """The test card with this number; real ones never come near a stand-in."""
    plain = number.replace(" ", "").replace("-", "")
    if not plain.isascii() or not plain.isdigit() or not cards.luhn(plain):
        raise errors.card_error(
            "incorrect_number", "Your card number is incorrect.", param="number"
        )
    if plain not in cards.BY_NUMBER:
        raise errors.card_error(
            "card_declined",
            "Your card was declined. Your request was in test mode, but used a non test card.",
            decline_code="test_mode_live_card",
            param="number",
        )
    return cards.BY_NUMBER[plain]


def check_expiry(call: Call, month: int, year: int) -> None:
    if not 1 <= month <= 12:
        raise errors.card_error(
            "invalid_expiry_month", "Your card's expiration month is invalid.", param="exp_month"
        )
    this_year, this_month = _year_and_month(call.now)
    if not (this_year, this_month) <= (year, month) < (this_year + 50, 1):
        raise errors.card_error(
            "invalid_expiry_year", "Your card's expiration year is invalid.", param="exp_year"
        )


def check_cvc(card: cards.Card, cvc: str) -> None:
    length = 4 if card.brand == "amex" else 3
    if not (cvc.isascii() and cvc.isdigit() and len(cvc) in (3, length)):
        raise errors.card_error("invalid_cvc", "Your card's security code is invalid.", param="cvc")


def _year_and_month(at: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(at, tz=UTC)
    return moment.year, moment.month


def make(
    call: Call,
    card: cards.Card,
    *,
    month: int,
    year: int,
    details: dict[str, Any] | None = None,
) -> Object:
    details = details or {}
    method: Object = {
        "id": call.store.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": {
                **dict.fromkeys(_DETAILS["address"]),
                **(details.get("address") or {}),
            },
            "email": details.get("email"),
            "name": details.get("name"),
            "phone": details.get("phone"),
            "tax_id": None,
        },
        "card": _card_shape(card, month, year),
        "created": call.now,
        "customer": None,
        "livemode": False,
        "metadata": call.params.get("metadata", {}),
        "type": "card",
    }
    return call.store.insert(method, private={"number": card.number})


def _card_shape(card: cards.Card, month: int, year: int) -> Object:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": f"test{card.number[-4:]}{card.number[:4]}",
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def resolve(call: Call, identifier: str, *, param: str | None) -> Object:
    """A payment method by id, or a new one when a test token is named."""
    if identifier in cards.BY_TOKEN:
        year = _year_and_month(call.now)[0] + 3
        return make(call, cards.BY_TOKEN[identifier], month=12, year=year)
    return call.get("payment_method", identifier, param=param)


def card_of(call: Call, method: Object) -> cards.Card:
    return cards.BY_NUMBER[call.store.private(method["id"])["number"]]


def is_set_up(call: Call, method: Object) -> bool:
    return bool(call.store.private(method["id"]).get("set_up"))


def attach(call: Call, identifier: str) -> Object:
    customers.living(call, call.params["customer"])
    method = resolve(call, identifier, param=None)
    card = card_of(call, method)
    if not card.attachable and card.decline is not None:
        raise errors.card_error(
            card.decline.code,
            card.decline.message,
            decline_code=card.decline.decline_code,
        )
    return attach_to(call, method, call.params["customer"])


def attach_to(call: Call, method: Object, customer_id: str) -> Object:
    """Repeating is harmless; moving a card to another customer is refused."""
    if method["customer"] == customer_id:
        return method
    if method["customer"] is not None or call.store.private(method["id"]).get("detached"):
        raise errors.invalid(
            "This PaymentMethod was previously used or attached to another customer "
            "and may not be attached again.",
            param="payment_method",
        )
    method["customer"] = customer_id
    call.store.save(method)
    events.emit(call, "payment_method.attached", method)
    return method


def detach(call: Call, identifier: str) -> Object:
    method = call.get("payment_method", identifier)
    if method["customer"] is None:
        raise errors.invalid(
            "The payment method you provided is not attached to a customer so "
            "detachment is impossible.",
            param="payment_method",
        )
    _forget_default(call, method)
    method["customer"] = None
    call.store.save(method)
    call.store.set_private(identifier, detached=True)
    events.emit(call, "payment_method.detached", method)
    return method


def _forget_default(call: Call, method: Object) -> None:
    customer = call.get("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
        call.store.save(customer)
        events.emit(call, "customer.updated", customer)


def retrieve(call: Call, identifier: str) -> Object:
    return call.get("payment_method", identifier)


def list_methods(call: Call) -> Object:
    return call.page("payment_method", "/v1/payment_methods", call.matching("customer", "type"))
