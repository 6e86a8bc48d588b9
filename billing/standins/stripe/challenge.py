"""The owner's answer to 3D Secure, for an intent of its own or behind a hosted page."""

from __future__ import annotations

from billing.standins.stripe import authorization, checkout_sessions, errors
from billing.standins.stripe.call import Call
from billing.standins.stripe.errors import StripeError
from billing.standins.stripe.store import Object


def find(call: Call, identifier: str) -> Object:
    intent = call.store.find_any(identifier)
    if intent is None or intent["object"] not in ("payment_intent", "setup_intent"):
        raise errors.no_such("intent", identifier)
    return intent


def resolve(call: Call, identifier: str, *, passed: bool) -> Object:
    """Move the intent on; a refusal is its new state and no error here."""
    intent = find(call, identifier)
    try:
        authorization.answer(call, intent, passed=passed)
    except StripeError as error:
        if not error.keep:
            raise
        return intent
    session_id = call.store.private(identifier).get("session")
    if session_id and intent["status"] == "succeeded":
        session = call.get("checkout.session", session_id)
        method = call.get("payment_method", intent["payment_method"])
        checkout_sessions.complete(call, session, name=method["billing_details"]["name"])
    return intent
