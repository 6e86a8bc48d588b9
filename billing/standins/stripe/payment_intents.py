"""PaymentIntents: create, update, confirm, cancel; their states as Stripe has them."""

from __future__ import annotations

from typing import Any, Final

from billing.standins.stripe import customers, errors, events, params, payment_methods
from billing.standins.stripe.authorization import authorize
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import BOOL, INT, LIST, MAP, RANGE, STR, URL, Schema
from billing.standins.stripe.store import Object

_AUTOMATIC: Schema = {"allow_redirects": ("always", "never"), "enabled": BOOL}
_SHARED: Schema = {
    "expand": [STR],
    "payment_method": STR,
    "allowed_payment_method_types": [("card",)],
    "receipt_email": STR,
    "setup_future_usage": ("off_session", "on_session"),
}
_CONFIRMING: Schema = {"error_on_requires_action": BOOL, "off_session": BOOL, "return_url": URL}
UPDATE_PARAMS: Schema = {
    **_SHARED,
    "amount": INT,
    "currency": STR,
    "customer": STR,
    "description": STR,
    "metadata": MAP,
    "statement_descriptor_suffix": STR,
}
CREATE_PARAMS: Schema = {
    **UPDATE_PARAMS,
    **_CONFIRMING,
    "automatic_payment_methods": _AUTOMATIC,
    "capture_method": ("automatic", "automatic_async"),
    "confirm": BOOL,
}
CONFIRM_PARAMS: Schema = {**_SHARED, **_CONFIRMING}
CANCEL_PARAMS: Schema = {
    "cancellation_reason": ("abandoned", "duplicate", "fraudulent", "requested_by_customer"),
    "expand": [STR],
}
LIST_PARAMS: Schema = {**LIST, "created": RANGE, "customer": STR}

OPEN: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
_MAX_AMOUNT: Final = 99_999_999


def create(call: Call) -> Object:
    confirming = call.params.get("confirm", False)
    for name in _CONFIRMING:
        if name in call.params and not confirming:
            raise errors.invalid(f"{name} may only be used when confirm=true.", param=name)
    intent = insert(call, call.params)
    if "payment_method" in call.params:
        _choose_method(call, intent, call.params["payment_method"])
    events.emit(call, "payment_intent.created", intent)
    return _confirm(call, intent) if confirming else intent


def insert(call: Call, given: dict[str, Any], **private: Any) -> Object:
    """A new unconfirmed intent; checkout makes its own in the same way."""
    _check_amount(given.get("amount", 0))
    if given.get("customer"):
        customers.living(call, given["customer"])
    return call.store.insert(_shape(call, given), private=private)


def _check_amount(amount: int) -> None:
    if amount < 1:
        raise errors.invalid(
            "This value must be greater than or equal to 1.",
            param="amount",
            code="parameter_invalid_integer",
        )
    if amount > _MAX_AMOUNT:
        raise errors.invalid(
            f"Amount must be no more than {_MAX_AMOUNT}.", param="amount", code="amount_too_large"
        )


def _currency(given: str) -> str:
    if len(given) != 3 or not given.isascii() or not given.isalpha():
        raise errors.invalid(f"Invalid currency: {given}.", param="currency")
    return given.lower()


def _shape(call: Call, given: dict[str, Any]) -> Object:
    identifier = call.store.new_id("pi")
    listed = given.get("allowed_payment_method_types")
    automatic = given.get("automatic_payment_methods") or {"enabled": not listed}
    return {
        "id": identifier,
        "object": "payment_intent",
        "allowed_payment_method_types": listed,
        "amount": given["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": (
            {"allow_redirects": automatic.get("allow_redirects", "always"), "enabled": True}
            if automatic.get("enabled")
            else None
        ),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": given.get("capture_method", "automatic_async"),
        "client_secret": f"{identifier}_secret_{call.store.new_id('s')[2:]}",
        "confirmation_method": "automatic",
        "created": call.now,
        "currency": _currency(given["currency"]),
        "customer": given.get("customer") or None,
        "description": given.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": params.merge_metadata({}, given.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": given.get("receipt_email"),
        "review": None,
        "setup_future_usage": given.get("setup_future_usage"),
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": given.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def _choose_method(call: Call, intent: Object, identifier: str) -> None:
    method = payment_methods.resolve(call, identifier, param="payment_method")
    owner = method["customer"]
    if owner is not None and owner != intent["customer"]:
        raise errors.invalid(
            f"The PaymentMethod {method['id']} does not belong to the Customer you supplied.",
            param="payment_method",
        )
    if call.store.private(method["id"]).get("detached"):
        raise errors.invalid(
            "This PaymentMethod was detached from a Customer and may not be used again.",
            param="payment_method",
        )
    intent["payment_method"] = method["id"]
    intent["status"] = "requires_confirmation"
    call.store.save(intent)


def retrieve(call: Call, identifier: str) -> Object:
    return call.get("payment_intent", identifier)


def update(call: Call, identifier: str) -> Object:
    intent = call.get("payment_intent", identifier)
    _require_open(intent, "update")
    given = call.params
    if "amount" in given:
        _check_amount(given["amount"])
        intent["amount"] = given["amount"]
    if "currency" in given:
        intent["currency"] = _currency(given["currency"])
    if "customer" in given:
        intent["customer"] = customers.living(call, given["customer"])["id"]
    intent["metadata"] = params.merge_metadata(intent["metadata"], given.get("metadata"))
    _apply(intent, given)
    call.store.save(intent)
    if "payment_method" in given:
        _choose_method(call, intent, given["payment_method"])
    return intent


def _apply(intent: Object, given: dict[str, Any]) -> None:
    for name in (
        "description",
        "allowed_payment_method_types",
        "receipt_email",
        "setup_future_usage",
        "statement_descriptor_suffix",
    ):
        if name in given:
            intent[name] = given[name]


def confirm(call: Call, identifier: str) -> Object:
    intent = call.get("payment_intent", identifier)
    _require_open(intent, "confirm")
    _apply(intent, call.params)
    if "allowed_payment_method_types" in call.params:
        intent["automatic_payment_methods"] = None
    if "payment_method" in call.params:
        _choose_method(call, intent, call.params["payment_method"])
    return _confirm(call, intent)


def _confirm(call: Call, intent: Object) -> Object:
    if intent["payment_method"] is None:
        raise errors.unexpected_state(
            "payment_intent",
            "You cannot confirm this PaymentIntent because it's missing a payment method. You "
            "can either update the PaymentIntent with a payment method and then confirm it "
            "again, or confirm it again directly with a payment method.",
            intent,
        )
    _require_return_url(call, intent)
    off_session = call.params.get("off_session", False)
    authorize(
        call,
        intent,
        call.get("payment_method", intent["payment_method"]),
        may_ask_owner=not (off_session or call.params.get("error_on_requires_action", False)),
        return_url=call.params.get("return_url"),
    )
    return intent


def _require_return_url(call: Call, intent: Object) -> None:
    automatic = intent["automatic_payment_methods"] or {}
    redirects = automatic.get("enabled") and automatic.get("allow_redirects") == "always"
    if redirects and not call.params.get("off_session") and "return_url" not in call.params:
        raise errors.invalid(
            "This PaymentIntent is configured to accept payment methods that might redirect "
            "your customer off of your page, so you must provide a `return_url`. To accept "
            "none of them, create it with `allowed_payment_method_types` or with "
            "`automatic_payment_methods[allow_redirects]=never`.",
            param="return_url",
        )


def _require_open(intent: Object, verb: str) -> None:
    if intent["status"] in OPEN:
        return
    why = "a status of " + intent["status"]
    if intent["status"] == "succeeded" and verb == "confirm":
        why = "already succeeded after being previously confirmed"
    raise errors.unexpected_state(
        "payment_intent", f"You cannot {verb} this PaymentIntent because it has {why}.", intent
    )


def cancel(call: Call, identifier: str) -> Object:
    intent = call.get("payment_intent", identifier)
    if intent["status"] not in OPEN:
        raise errors.unexpected_state(
            "payment_intent",
            "You cannot cancel this PaymentIntent because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may "
            f"be canceled: {', '.join(OPEN)}.",
            intent,
        )
    intent["status"] = "canceled"
    intent["canceled_at"] = call.now
    intent["cancellation_reason"] = call.params.get("cancellation_reason")
    intent["next_action"] = None
    call.store.save(intent)
    events.emit(call, "payment_intent.canceled", intent)
    return intent


def list_intents(call: Call) -> Object:
    return call.page("payment_intent", "/v1/payment_intents", call.matching("customer"))
