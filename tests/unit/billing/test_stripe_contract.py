"""What the stand-in takes and gives exists in the types of the pinned Stripe SDK.

The stand-in refuses parameters that its own schemas do not name, and the gateway is
tested against it: so what the gateway sends and reads is held to the SDK as well.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
import stripe
import stripe.checkout
import stripe.params
import stripe.params.checkout

from billing.gateways import stripe_connection
from billing.standins.stripe import (
    challenge,
    charges,
    checkout_sessions,
    customers,
    events,
    params,
    payment_intents,
    payment_methods,
    refunds,
    routes,
    setup_intents,
    version,
)
from billing.standins.stripe.call import Call
from billing.standins.stripe.errors import StripeError
from billing.standins.stripe.store import Store

# Which parameters of the SDK each address takes.
_PARAMS = {
    "POST /v1/customers": "CustomerCreateParams",
    "GET /v1/customers": "CustomerListParams",
    "GET /v1/customers/<id>": "CustomerRetrieveParams",
    "POST /v1/customers/<id>": "CustomerUpdateParams",
    "DELETE /v1/customers/<id>": "CustomerDeleteParams",
    "POST /v1/payment_methods": "PaymentMethodCreateParams",
    "GET /v1/payment_methods": "PaymentMethodListParams",
    "GET /v1/payment_methods/<id>": "PaymentMethodRetrieveParams",
    "POST /v1/payment_methods/<id>/attach": "PaymentMethodAttachParams",
    "POST /v1/payment_methods/<id>/detach": "PaymentMethodDetachParams",
    "POST /v1/setup_intents": "SetupIntentCreateParams",
    "GET /v1/setup_intents": "SetupIntentListParams",
    "GET /v1/setup_intents/<id>": "SetupIntentRetrieveParams",
    "POST /v1/setup_intents/<id>/confirm": "SetupIntentConfirmParams",
    "POST /v1/setup_intents/<id>/cancel": "SetupIntentCancelParams",
    "POST /v1/payment_intents": "PaymentIntentCreateParams",
    "GET /v1/payment_intents": "PaymentIntentListParams",
    "GET /v1/payment_intents/<id>": "PaymentIntentRetrieveParams",
    "POST /v1/payment_intents/<id>": "PaymentIntentUpdateParams",
    "POST /v1/payment_intents/<id>/confirm": "PaymentIntentConfirmParams",
    "POST /v1/payment_intents/<id>/cancel": "PaymentIntentCancelParams",
    "GET /v1/charges": "ChargeListParams",
    "GET /v1/charges/<id>": "ChargeRetrieveParams",
    "POST /v1/refunds": "RefundCreateParams",
    "GET /v1/refunds": "RefundListParams",
    "GET /v1/refunds/<id>": "RefundRetrieveParams",
    "GET /v1/balance_transactions": "BalanceTransactionListParams",
    "GET /v1/balance_transactions/<id>": "BalanceTransactionRetrieveParams",
    "GET /v1/events": "EventListParams",
    "GET /v1/events/<id>": "EventRetrieveParams",
    "POST /v1/checkout/sessions": "checkout.SessionCreateParams",
    "GET /v1/checkout/sessions": "checkout.SessionListParams",
    "GET /v1/checkout/sessions/<id>": "checkout.SessionRetrieveParams",
    "GET /v1/checkout/sessions/<id>/line_items": "checkout.SessionLineItemListParams",
    "POST /v1/checkout/sessions/<id>/expire": "checkout.SessionExpireParams",
}


def test_one_version_is_spoken_by_sdk_gateway_and_stand_in() -> None:
    assert stripe_connection.API_VERSION == version.API_VERSION
    assert stripe.api_version in (None, version.API_VERSION)
    assert stripe.VERSION == "16.1.0"


def test_every_address_is_compared() -> None:
    assert {f"{route.method} {route.address}" for route in routes.ROUTES} == set(_PARAMS)


@pytest.mark.parametrize(
    "route", routes.ROUTES, ids=lambda route: f"{route.method} {route.address}"
)
def test_every_parameter_exists_in_the_sdk(route: routes.Route) -> None:
    name = _PARAMS[f"{route.method} {route.address}"]
    typed: Any = stripe.params
    for part in name.split("."):
        typed = getattr(typed, part)
    assert list(_unknown_parameters(route.params, [typed], "")) == []


def _unknown_parameters(schema: Any, options: list[Any], path: str) -> Iterator[str]:
    if isinstance(schema, list):
        yield from _unknown_parameters(schema[0], options, path)
        return
    if not isinstance(schema, dict):
        return
    for name, inner in schema.items():
        owners = [option for option in options if name in _fields(option)]
        if not owners:
            yield f"{path}.{name}"
            continue
        nested = [_flatten(_fields(owner)[name], owner) for owner in owners]
        yield from _unknown_parameters(
            inner, [kind for some in nested for kind in some], f"{path}.{name}"
        )


def _fields(typed: Any) -> dict[str, Any]:
    """Names and annotations, of the class and of those that it extends."""
    found: dict[str, Any] = {}
    for base in (*getattr(typed, "__orig_bases__", ()), typed):
        found |= getattr(base, "__annotations__", {})
    return found


class _Known(dict[str, Any]):
    """A module's names; what is imported for type checkers only counts as anything."""

    def __missing__(self, name: str) -> Any:
        for place in (stripe, stripe.checkout, typing):
            if hasattr(place, name):
                return getattr(place, name)
        if name in __builtins__:
            raise KeyError(name)
        return Any


def _resolved(annotation: Any, owner: Any) -> Any:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        module = inspect.getmodule(owner)
        return eval(annotation, {}, _Known(vars(module)))
    return annotation


def _flatten(annotation: Any, owner: Any) -> list[Any]:
    """The classes inside Optional, List, Union, NotRequired and expandable fields."""
    annotation = _resolved(annotation, owner)
    inner = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or inner:
        if typing.get_origin(annotation) is typing.Literal:
            return []
        return [item for part in inner for item in _flatten(part, owner)]
    return [annotation]


# Answers


@pytest.fixture
def call() -> Iterator[Call]:
    store = Store(":memory:")
    yield Call(store, "http://127.0.0.1:1", request_id="req_1")
    store.close()


def ask(call: Call, answer: Any, *ids: str, **given: Any) -> Any:
    return answer(Call(call.store, call.base_url, given, "req_1"), *ids)


def everything(call: Call) -> None:
    """Make at least one object of each kind, in each of its states that has fields of its own."""
    customer = ask(call, customers.create, email="a@b.c", address={"country": "DE"})["id"]
    card = ask(call, payment_methods.attach, "pm_card_visa", customer=customer)["id"]
    money = {"amount": 500, "currency": "eur", "customer": customer}
    paid = ask(call, payment_intents.create, **money, payment_method=card, confirm=True,
               off_session=True)  # fmt: skip
    ask(call, refunds.create, payment_intent=paid["id"])
    for token in ("pm_card_chargeCustomerFail", "pm_card_chargeDeclinedExpiredCard"):
        with pytest.raises(StripeError):
            ask(call, payment_intents.create, **money, payment_method=token, confirm=True,
                return_url="https://a.b")  # fmt: skip
    for extra in ({"return_url": "https://a.b"}, {"allowed_payment_method_types": ["card"]}):
        asked = ask(call, payment_intents.create, **money, confirm=True,
                    payment_method="pm_card_authenticationRequired", **extra)  # fmt: skip
        challenge.resolve(call, asked["id"], passed="return_url" in extra)
    setup = ask(call, setup_intents.create, customer=customer, confirm=True,
                payment_method="pm_card_authenticationRequired")  # fmt: skip
    challenge.resolve(call, setup["id"], passed=False)
    ask(call, setup_intents.cancel, setup["id"])
    price = {"currency": "eur", "unit_amount": 5, "product_data": {"name": "x"}}
    session = ask(call, checkout_sessions.create, mode="payment", success_url="https://a.b",
                  customer=customer, line_items=[{"price_data": price}])  # fmt: skip
    checkout_sessions.intent_of(call, session)
    checkout_sessions.complete(call, session, name="Ada")
    lines = ask(call, checkout_sessions.list_lines, session["id"])["data"]
    call.store.insert({**lines[0]})
    open_one = ask(call, checkout_sessions.create, mode="setup", success_url="https://a.b",
                   currency="eur")  # fmt: skip
    ask(call, checkout_sessions.expire, open_one["id"])


_CLASSES = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "event": stripe.Event,
    "item": stripe.LineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
}


@pytest.mark.parametrize("kind", sorted(_CLASSES))
def test_every_field_exists_in_the_sdk(call: Call, kind: str) -> None:
    everything(call)
    made = call.store.select(kind, [], newest_first=False, limit=-1)
    assert made
    unknown = {path for obj in made for path in _unknown_fields(obj, _CLASSES[kind], kind)}
    assert unknown == set()


def _unknown_fields(obj: dict[str, Any], typed: Any, path: str) -> Iterator[str]:
    options = [typed] if _is_shape(typed) else [*typing.get_args(typed)]
    for name, value in obj.items():
        owners = [option for option in options if name in option.__annotations__]
        if not owners:
            yield f"{path}.{name}"
            continue
        inner = [
            kind for kind in _flatten(owners[0].__annotations__[name], owners[0]) if _is_shape(kind)
        ]
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and inner:
                yield from _unknown_fields(item, _one_of(inner, item), f"{path}.{name}")


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and "__annotations__" in vars(kind)


def _one_of(shapes: list[Any], item: dict[str, Any]) -> Any:
    named = _CLASSES.get(str(item.get("object")))
    return named if named in shapes else typing.Union[tuple(shapes)]  # noqa: UP007


@pytest.mark.parametrize("kind", ["payment_intent", "charge", "checkout.session", "refund"])
def test_required_fields_of_the_sdk_are_all_given(call: Call, kind: str) -> None:
    everything(call)
    obj = call.store.select(kind, [], newest_first=False, limit=1)[0]
    annotations = _CLASSES[kind].__annotations__
    required = {
        name
        for name, annotation in annotations.items()
        if type(None) not in typing.get_args(annotation) and name.islower()
    }
    assert required - obj.keys() == set()


def test_event_types_are_the_vendors(call: Call) -> None:
    everything(call)
    known = set(typing.get_args(typing.get_args(stripe.Event.__annotations__["type"])[0]))
    known = known or set(typing.get_args(stripe.Event.__annotations__["type"]))
    sent = {event["type"] for event in events.list_events(
        Call(call.store, call.base_url, {"limit": 100}))["data"]}  # fmt: skip
    assert sent
    assert sent <= known


def test_nothing_of_the_removed_shapes_is_spoken(call: Call) -> None:
    everything(call)
    spoken = str(call.store.run("SELECT body FROM objects"))
    assert "current_period_end" not in spoken
    assert params.LIST
    assert charges.LIST_PARAMS
