"""Checkout Sessions: what the hosted page shows, and what happens once it is paid."""

from __future__ import annotations

from typing import Any, Final

from billing.standins.stripe import (
    customers,
    errors,
    events,
    params,
    payment_intents,
    setup_intents,
)
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import INT, LIST, MAP, RANGE, STR, URL, Schema
from billing.standins.stripe.store import Object

_PRICE: Schema = {
    "currency": STR,
    "product_data": {"description": STR, "name": STR},
    "unit_amount": INT,
}
CREATE_PARAMS: Schema = {
    "cancel_url": URL,
    "client_reference_id": STR,
    "currency": STR,
    "customer": STR,
    "customer_creation": ("always", "if_required"),
    "customer_email": STR,
    "expand": [STR],
    "expires_at": INT,
    "line_items": [{"price_data": _PRICE, "quantity": INT}],
    "metadata": MAP,
    "mode": ("payment", "setup"),
    "payment_intent_data": {
        "description": STR,
        "metadata": MAP,
        "receipt_email": STR,
        "setup_future_usage": ("off_session", "on_session"),
        "statement_descriptor_suffix": STR,
    },
    "allowed_payment_method_types": [("card",)],
    "setup_intent_data": {"description": STR, "metadata": MAP},
    "success_url": URL,
}
LIST_PARAMS: Schema = {
    **LIST,
    "created": RANGE,
    "customer": STR,
    "payment_intent": STR,
    "status": ("complete", "expired", "open"),
}
_DAY: Final = 86_400
_MIN_LIFE: Final = 1_800
_SKEW: Final = 60


def create(call: Call) -> Object:
    given = call.params
    customer = customers.living(call, given["customer"]) if given.get("customer") else None
    if given["mode"] == "setup" and not {"currency", "allowed_payment_method_types"} & set(given):
        raise errors.missing_parameter("currency")
    lines = _lines(call) if given["mode"] == "payment" else []
    session = _shape(call, lines, customer)
    private = {
        "lines": lines,
        "intent": given.get("payment_intent_data") or given.get("setup_intent_data") or {},
    }
    return call.store.insert(session, private=private)


def _lines(call: Call) -> list[Object]:
    given = call.params.get("line_items")
    if not given:
        raise errors.missing_parameter("line_items")
    lines = []
    for number, item in enumerate(given):
        price = item.get("price_data") or {}
        for name in ("currency", "unit_amount", "product_data"):
            if name not in price:
                raise errors.missing_parameter(f"line_items[{number}][price_data][{name}]")
        total = price["unit_amount"] * item.get("quantity", 1)
        lines.append(
            {
                "id": call.store.new_id("li"),
                "object": "item",
                "amount_discount": 0,
                "amount_subtotal": total,
                "amount_tax": 0,
                "amount_total": total,
                "currency": price["currency"].lower(),
                "description": price["product_data"].get("name"),
                "quantity": item.get("quantity", 1),
            }
        )
    if len({line["currency"] for line in lines}) > 1:
        raise errors.invalid("All line items must have the same currency.", param="line_items")
    if sum(line["amount_total"] for line in lines) < 1:
        raise errors.invalid("The total amount must be positive.", param="line_items")
    return lines


def _expiry(call: Call) -> int:
    expires_at = call.params.get("expires_at", call.now + _DAY)
    if not _MIN_LIFE - _SKEW <= expires_at - call.now <= _DAY + _SKEW:
        raise errors.invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
            param="expires_at",
        )
    return int(expires_at)


def _shape(call: Call, lines: list[Object], customer: Object | None) -> Object:
    given = call.params
    identifier = call.store.new_id("cs_test")
    payment = given["mode"] == "payment"
    total = sum(line["amount_total"] for line in lines) if payment else None
    email = customer["email"] if customer else given.get("customer_email")
    return {
        "id": identifier,
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "allowed_payment_method_types": given.get("allowed_payment_method_types"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None,
        "consent": None,
        "consent_collection": None,
        "created": call.now,
        "currency": lines[0]["currency"] if lines else given.get("currency"),
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {"after_submit": None, "submit": None},
        "customer": customer["id"] if customer else None,
        "customer_creation": given.get("customer_creation"),
        "customer_details": {"email": email, "name": None, "phone": None} if email else None,
        "customer_email": given.get("customer_email"),
        "expires_at": _expiry(call),
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": None,
        "metadata": params.merge_metadata({}, given.get("metadata")),
        "mode": given["mode"],
        "payment_intent": None,
        "payment_link": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid" if payment else "no_payment_required",
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": given["success_url"],
        "total_details": (
            {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0} if payment else None
        ),
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/c/pay/{identifier}",
    }


def retrieve(call: Call, identifier: str) -> Object:
    return current(call, call.get("checkout.session", identifier))


def list_sessions(call: Call) -> Object:
    conditions = call.matching("customer", "payment_intent", "status")
    return call.page("checkout.session", "/v1/checkout/sessions", conditions)


def list_lines(call: Call, identifier: str) -> Object:
    call.get("checkout.session", identifier)
    lines = call.store.private(identifier)["lines"]
    url = f"/v1/checkout/sessions/{identifier}/line_items"
    return {"object": "list", "url": url, "has_more": False, "data": lines}


def expire(call: Call, identifier: str) -> Object:
    session = current(call, call.get("checkout.session", identifier))
    if session["status"] != "open":
        raise errors.invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}."
        )
    return _end(call, session)


def current(call: Call, session: Object) -> Object:
    """The session as of now: an open one past its time is expired when somebody looks."""
    if session["status"] == "open" and call.now >= session["expires_at"]:
        return _end(call, session)
    return session


def _end(call: Call, session: Object) -> Object:
    intent_id = session["payment_intent"] or session["setup_intent"]
    intent = call.store.find_any(intent_id) if intent_id else None
    if intent is not None and intent["status"] in payment_intents.OPEN:
        noun = payment_intents if intent["object"] == "payment_intent" else setup_intents
        noun.cancel(Call(call.store, call.base_url), intent["id"])
    session |= {"status": "expired", "url": None}
    call.store.save(session)
    events.emit(call, "checkout.session.expired", session)
    return session


def intent_of(call: Call, session: Object) -> Object:
    """The intent behind the page; made when the first card is tried."""
    paying = session["mode"] == "payment"
    field = "payment_intent" if paying else "setup_intent"
    if session[field] is not None:
        return call.get(field, session[field])
    extra: dict[str, Any] = call.store.private(session["id"])["intent"]
    given = {
        **extra,
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": _customer(call, session),
        "allowed_payment_method_types": ["card"],
    }
    insert = payment_intents.insert if paying else setup_intents.insert
    intent = insert(call, given, session=session["id"])
    events.emit(call, f"{field}.created", intent)
    session[field] = intent["id"]
    call.store.save(session)
    return intent


def _customer(call: Call, session: Object) -> str | None:
    if session["customer"] is None and session["customer_creation"] == "always":
        inner = Call(call.store, call.base_url, {"email": session["customer_email"]})
        session["customer"] = customers.create(inner)["id"]
    identifier: str | None = session["customer"]
    return identifier


def complete(call: Call, session: Object, *, name: str | None) -> Object:
    """The intent succeeded: the session is done and says so."""
    details = session["customer_details"] or {"email": None, "phone": None}
    session["customer_details"] = {**details, "name": name}
    session["status"] = "complete"
    session["url"] = None
    if session["mode"] == "payment":
        session["payment_status"] = "paid"
    call.store.save(session)
    events.emit(call, "checkout.session.completed", session)
    return session


def success_url(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
