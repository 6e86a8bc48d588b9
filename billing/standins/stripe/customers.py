"""Customers: whom the vendor charges."""

from __future__ import annotations

from typing import Any

from billing.standins.stripe import errors, events, params
from billing.standins.stripe.call import Call
from billing.standins.stripe.params import LIST, MAP, RANGE, STR, Schema
from billing.standins.stripe.store import Object

_ADDRESS: Schema = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), STR)
WRITE_PARAMS: Schema = {
    "address": _ADDRESS,
    "description": STR,
    "email": STR,
    "expand": [STR],
    "invoice_settings": {"default_payment_method": STR},
    "metadata": MAP,
    "name": STR,
    "phone": STR,
    "preferred_locales": [STR],
}
LIST_PARAMS: Schema = {**LIST, "created": RANGE, "email": STR}
_PLAIN = ("description", "email", "name", "phone")


def create(call: Call) -> Object:
    customer: Object = {
        "id": call.store.new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": None,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(call, customer)
    call.store.insert(customer)
    events.emit(call, "customer.created", customer)
    return customer


def retrieve(call: Call, identifier: str) -> Object:
    return call.get("customer", identifier)


def update(call: Call, identifier: str) -> Object:
    customer = living(call, identifier, param="id")
    _apply(call, customer)
    call.store.save(customer)
    events.emit(call, "customer.updated", customer)
    return customer


def delete(call: Call, identifier: str) -> Object:
    """The stub stays, as with the vendor: a deleted customer can still be retrieved."""
    customer = living(call, identifier, param="id")
    for method in call.store.select("payment_method", _owned_by(identifier), **_ALL):
        method["customer"] = None
        call.store.save(method)
        call.store.set_private(method["id"], detached=True)
    stub = {"id": identifier, "object": "customer", "deleted": True}
    call.store.save(stub)
    events.emit(call, "customer.deleted", customer)
    return stub


def list_customers(call: Call) -> Object:
    alive = ("json_extract(body, '$.deleted') IS NULL", ())
    return call.page("customer", "/v1/customers", [alive, *call.matching("email")])


_ALL: dict[str, Any] = {"newest_first": False, "limit": -1}


def _owned_by(customer_id: str) -> list[tuple[str, Any]]:
    return [("json_extract(body, '$.customer') = ?", customer_id)]


def living(call: Call, identifier: str, *, param: str = "customer") -> Object:
    """The customer, unless it is unknown or deleted."""
    customer = call.get("customer", identifier, param=None if param == "id" else param)
    if customer.get("deleted"):
        raise errors.no_such("customer", identifier, param=param, status=400)
    return customer


def _apply(call: Call, customer: Object) -> None:
    given = call.params
    for name in _PLAIN:
        if name in given:
            customer[name] = given[name] or None
    if "address" in given:
        address = given["address"]
        customer["address"] = address and {**dict.fromkeys(_ADDRESS), **address}
    if "preferred_locales" in given:
        customer["preferred_locales"] = given["preferred_locales"]
    customer["metadata"] = params.merge_metadata(customer["metadata"], given.get("metadata"))
    settings = given.get("invoice_settings") or {}
    if "default_payment_method" in settings:
        chosen = settings["default_payment_method"] or None
        name = "invoice_settings[default_payment_method]"
        if chosen and call.get("payment_method", chosen, param=name)["customer"] != customer["id"]:
            raise errors.invalid(
                "The customer does not have a payment method with the ID "
                f"{chosen}. The payment method must be attached to the customer.",
                param=name,
            )
        customer["invoice_settings"]["default_payment_method"] = chosen
