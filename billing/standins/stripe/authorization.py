"""What happens when a card is used: approved, declined, or its owner is asked first."""

from __future__ import annotations

from typing import Any

from billing.standins.stripe import cards, charges, errors, events, payment_methods
from billing.standins.stripe.call import Call
from billing.standins.stripe.store import Object


def authorize(
    call: Call,
    intent: Object,
    method: Object,
    *,
    may_ask_owner: bool,
    return_url: str | None = None,
) -> None:
    """Move a PaymentIntent or SetupIntent to its next state; a refusal raises 402.

    A refusal is written before it is raised: the intent then wants another card.
    """
    card = payment_methods.card_of(call, method)
    if cards.wants_owner(card, set_up=payment_methods.is_set_up(call, method)):
        if not may_ask_owner:
            raise _refuse(call, intent, method, cards.AUTHENTICATION_REQUIRED)
        _ask_owner(call, intent, method, return_url)
        return
    _ask_bank(call, intent, method, card)


def answer(call: Call, intent: Object, *, passed: bool) -> None:
    """The owner came back from 3D Secure."""
    noun = intent["object"]
    if intent["status"] != "requires_action":
        raise errors.unexpected_state(noun, "Nothing is to be authenticated here.", intent)
    method = call.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        failed = cards.AUTHENTICATION_FAILED
        if noun == "setup_intent":
            failed = cards.Decline("setup_intent_authentication_failure", None, failed.message)
        raise _refuse(call, intent, method, failed, charge=False)
    if noun == "setup_intent" or intent["setup_future_usage"] == "off_session":
        call.store.set_private(method["id"], set_up=True)
    _ask_bank(call, intent, method, payment_methods.card_of(call, method))


def _ask_owner(call: Call, intent: Object, method: Object, return_url: str | None) -> None:
    url = f"{call.base_url}/c/authenticate/{intent['id']}?secret={intent['client_secret']}"
    intent["payment_method"] = method["id"]
    intent["status"] = "requires_action"
    if return_url:
        redirect = {"return_url": return_url, "url": url}
        intent["next_action"] = {"redirect_to_url": redirect, "type": "redirect_to_url"}
    else:
        sdk = {"stripe_js": url, "type": "three_d_secure_redirect"}
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    call.store.set_private(intent["id"], return_url=return_url)
    call.store.save(intent)
    events.emit(call, f"{intent['object']}.requires_action", intent)


def _ask_bank(call: Call, intent: Object, method: Object, card: cards.Card) -> None:
    saving = intent["object"] == "setup_intent"
    if card.decline is not None and not (saving and card.attachable):
        raise _refuse(call, intent, method, card.decline)
    intent["payment_method"] = method["id"]
    intent["status"] = "succeeded"
    intent["next_action"] = None
    keep_for = intent["usage"] if saving else intent["setup_future_usage"]
    if intent["customer"] is not None and keep_for is not None:
        payment_methods.attach_to(call, method, intent["customer"])
    if saving:
        intent["last_setup_error"] = None
    else:
        intent["last_payment_error"] = None
        intent["latest_charge"] = charges.record(call, intent, method)["id"]
        intent["amount_received"] = intent["amount"]
    call.store.save(intent)
    events.emit(call, f"{intent['object']}.succeeded", intent)


def _refuse(
    call: Call, intent: Object, method: Object, decline: cards.Decline, *, charge: bool = True
) -> errors.StripeError:
    details: dict[str, Any] = {"payment_method": method}
    if intent["object"] == "payment_intent" and charge:
        intent["latest_charge"] = charges.record(call, intent, method, decline)["id"]
        details["charge"] = intent["latest_charge"]
    error = {"code": decline.code, "message": decline.message, "type": "card_error", **details}
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    saving = intent["object"] == "setup_intent"
    intent["last_setup_error" if saving else "last_payment_error"] = error
    intent["payment_method"] = None
    intent["status"] = "requires_payment_method"
    call.store.save(intent)
    failed = "setup_intent.setup_failed" if saving else "payment_intent.payment_failed"
    events.emit(call, failed, intent)
    return errors.card_error(
        decline.code,
        decline.message,
        decline_code=decline.decline_code,
        **details,
        **{intent["object"]: intent},
    )
