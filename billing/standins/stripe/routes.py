"""The table of contents: every API address the stand-in answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from billing.standins.stripe import (
    balance,
    charges,
    checkout_sessions,
    customers,
    events,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
)
from billing.standins.stripe.params import STR, Schema

_READ: Schema = {"expand": [STR]}


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    address: str
    answer: Callable[..., dict[str, Any]]
    params: Schema = field(default_factory=lambda: _READ)
    required: tuple[str, ...] = ()


_PI, _SI, _PM = "/v1/payment_intents", "/v1/setup_intents", "/v1/payment_methods"
_CU, _CS, _RE = "/v1/customers", "/v1/checkout/sessions", "/v1/refunds"
_CH, _TXN, _EVT = "/v1/charges", "/v1/balance_transactions", "/v1/events"

ROUTES = (
    Route("POST", _CU, customers.create, customers.WRITE_PARAMS),
    Route("GET", _CU, customers.list_customers, customers.LIST_PARAMS),
    Route("GET", _CU + "/<id>", customers.retrieve),
    Route("POST", _CU + "/<id>", customers.update, customers.WRITE_PARAMS),
    Route("DELETE", _CU + "/<id>", customers.delete, {}),
    Route("POST", _PM, payment_methods.create, payment_methods.CREATE_PARAMS, ("type",)),
    Route("GET", _PM, payment_methods.list_methods, payment_methods.LIST_PARAMS),
    Route("GET", _PM + "/<id>", payment_methods.retrieve),
    Route(
        "POST",
        _PM + "/<id>/attach",
        payment_methods.attach,
        payment_methods.ATTACH_PARAMS,
        ("customer",),
    ),
    Route("POST", _PM + "/<id>/detach", payment_methods.detach),
    Route("POST", _SI, setup_intents.create, setup_intents.CREATE_PARAMS),
    Route("GET", _SI, setup_intents.list_intents, setup_intents.LIST_PARAMS),
    Route("GET", _SI + "/<id>", setup_intents.retrieve),
    Route("POST", _SI + "/<id>/confirm", setup_intents.confirm, setup_intents.CONFIRM_PARAMS),
    Route("POST", _SI + "/<id>/cancel", setup_intents.cancel, setup_intents.CANCEL_PARAMS),
    Route(
        "POST",
        _PI,
        payment_intents.create,
        payment_intents.CREATE_PARAMS,
        ("amount", "currency"),
    ),
    Route("GET", _PI, payment_intents.list_intents, payment_intents.LIST_PARAMS),
    Route("GET", _PI + "/<id>", payment_intents.retrieve),
    Route("POST", _PI + "/<id>", payment_intents.update, payment_intents.UPDATE_PARAMS),
    Route("POST", _PI + "/<id>/confirm", payment_intents.confirm, payment_intents.CONFIRM_PARAMS),
    Route("POST", _PI + "/<id>/cancel", payment_intents.cancel, payment_intents.CANCEL_PARAMS),
    Route("GET", _CH, charges.list_charges, charges.LIST_PARAMS),
    Route("GET", _CH + "/<id>", charges.retrieve),
    Route("POST", _RE, refunds.create, refunds.CREATE_PARAMS),
    Route("GET", _RE, refunds.list_refunds, refunds.LIST_PARAMS),
    Route("GET", _RE + "/<id>", refunds.retrieve),
    Route("GET", _TXN, balance.list_entries, balance.LIST_PARAMS),
    Route("GET", _TXN + "/<id>", balance.retrieve),
    Route("GET", _EVT, events.list_events, events.LIST_PARAMS),
    Route("GET", _EVT + "/<id>", events.retrieve),
    Route(
        "POST",
        _CS,
        checkout_sessions.create,
        checkout_sessions.CREATE_PARAMS,
        ("mode", "success_url"),
    ),
    Route("GET", _CS, checkout_sessions.list_sessions, checkout_sessions.LIST_PARAMS),
    Route("GET", _CS + "/<id>", checkout_sessions.retrieve),
    Route("GET", _CS + "/<id>/line_items", checkout_sessions.list_lines),
    Route("POST", _CS + "/<id>/expire", checkout_sessions.expire),
)
_COMPILED = tuple(
    (route, re.compile(re.escape(route.address).replace("<id>", r"([A-Za-z0-9_]{1,80})")))
    for route in ROUTES
)


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route and the ids in its address."""
    for route, pattern in _COMPILED:
        if route.method == method and (match := pattern.fullmatch(path)):
            return route, match.groups()
    return None
