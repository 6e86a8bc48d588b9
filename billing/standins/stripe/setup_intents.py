"""SetupIntents: save a card for later without charging it."""

from __future__ import annotations

from typing import Any

from billing.standins.stripe import customers, errors, events, params, payment_methods
from billing.standins.stripe.authorization import authorize
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import BOOL, LIST, MAP, RANGE, STR, URL, Schema
from billing.standins.stripe.store import Object

CREATE_PARAMS: Schema = {
    "automatic_payment_methods": {"allow_redirects": ("always", "never"), "enabled": BOOL},
    "confirm": BOOL,
    "customer": STR,
    "description": STR,
    "expand": [STR],
    "metadata": MAP,
    "payment_method": STR,
    "allowed_payment_method_types": [("card",)],
    "return_url": URL,
    "usage": ("off_session", "on_session"),
}
CONFIRM_PARAMS: Schema = {"expand": [STR], "payment_method": STR, "return_url": URL}
CANCEL_PARAMS: Schema = {
    "cancellation_reason": ("abandoned", "duplicate", "requested_by_customer"),
    "expand": [STR],
}
LIST_PARAMS: Schema = {**LIST, "created": RANGE, "customer": STR, "payment_method": STR}
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(call: Call) -> Object:
    intent = insert(call, call.params)
    if "payment_method" in call.params:
        _choose_method(call, intent, call.params["payment_method"])
    events.emit(call, "setup_intent.created", intent)
    return _confirm(call, intent) if call.params.get("confirm") else intent


def insert(call: Call, given: dict[str, Any], **private: Any) -> Object:
    if given.get("customer"):
        customers.living(call, given["customer"])
    return call.store.insert(_shape(call, given), private=private)


def _shape(call: Call, given: dict[str, Any]) -> Object:
    identifier = call.store.new_id("seti")
    listed = given.get("allowed_payment_method_types")
    automatic = given.get("automatic_payment_methods") or {"enabled": not listed}
    return {
        "id": identifier,
        "object": "setup_intent",
        "allowed_payment_method_types": listed,
        "application": None,
        "automatic_payment_methods": (
            {"allow_redirects": automatic.get("allow_redirects", "always"), "enabled": True}
            if automatic.get("enabled")
            else None
        ),
        "cancellation_reason": None,
        "client_secret": f"{identifier}_secret_{call.store.new_id('s')[2:]}",
        "created": call.now,
        "customer": given.get("customer") or None,
        "description": given.get("description"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": params.merge_metadata({}, given.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": given.get("usage", "off_session"),
    }


def _choose_method(call: Call, intent: Object, identifier: str) -> None:
    method = payment_methods.resolve(call, identifier, param="payment_method")
    if method["customer"] not in (None, intent["customer"]):
        raise errors.invalid(
            f"The PaymentMethod {method['id']} belongs to another customer.",
            param="payment_method",
        )
    intent["payment_method"] = method["id"]
    intent["status"] = "requires_confirmation"
    call.store.save(intent)


def retrieve(call: Call, identifier: str) -> Object:
    return call.get("setup_intent", identifier)


def confirm(call: Call, identifier: str) -> Object:
    intent = call.get("setup_intent", identifier)
    _require_open(intent, "confirm")
    if "payment_method" in call.params:
        _choose_method(call, intent, call.params["payment_method"])
    return _confirm(call, intent)


def _confirm(call: Call, intent: Object) -> Object:
    if intent["payment_method"] is None:
        raise errors.unexpected_state(
            "setup_intent",
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            intent,
        )
    authorize(
        call,
        intent,
        call.get("payment_method", intent["payment_method"]),
        may_ask_owner=True,
        return_url=call.params.get("return_url"),
    )
    return intent


def _require_open(intent: Object, verb: str) -> None:
    if intent["status"] not in _OPEN:
        raise errors.unexpected_state(
            "setup_intent",
            f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
            intent,
        )


def cancel(call: Call, identifier: str) -> Object:
    intent = call.get("setup_intent", identifier)
    _require_open(intent, "cancel")
    intent["status"] = "canceled"
    intent["cancellation_reason"] = call.params.get("cancellation_reason")
    intent["next_action"] = None
    call.store.save(intent)
    events.emit(call, "setup_intent.canceled", intent)
    return intent


def list_intents(call: Call) -> Object:
    conditions = call.matching("customer", "payment_method")
    return call.page("setup_intent", "/v1/setup_intents", conditions)
