"""The stand-in's payments through Stripe's own SDK: cards, states, refunds, lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.simstripe import KEY, Vendor, running


@pytest.fixture(scope="module")
def process() -> Iterator[Vendor]:
    with running() as started:
        yield started


@pytest.fixture
def vendor(process: Vendor) -> Vendor:
    process.control("reset")
    return process


@pytest.fixture
def sdk(vendor: Vendor) -> Iterator[Any]:
    with vendor.sdk() as services:
        yield services


@pytest.fixture
def customer(sdk: Any) -> Any:
    return sdk.customers.create({"email": "ada@example.com", "metadata": {"organization": "7"}})


def saved(sdk: Any, customer: Any, token: str) -> str:
    return sdk.payment_methods.attach(token, {"customer": customer.id}).id


def pay(sdk: Any, customer: Any, method: str, **extra: Any) -> Any:
    return sdk.payment_intents.create(
        {
            "amount": 10_000,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": method,
            "allowed_payment_method_types": ["card"],
            "confirm": True,
            **extra,
        }
    )


def kinds(sdk: Any) -> list[str]:
    return [event.type for event in sdk.events.list({"limit": 100}).auto_paging_iter()]


def test_a_saved_card_is_charged_off_session(sdk: Any, customer: Any, vendor: Vendor) -> None:
    method = saved(sdk, customer, "pm_card_visa")
    paid = pay(sdk, customer, method, off_session=True, expand=["latest_charge"])

    assert paid.status == "succeeded"
    assert paid.amount_received == 10_000
    assert paid.latest_charge.payment_method_details.card.last4 == "4242"
    entry = sdk.balance_transactions.list({"source": paid.latest_charge.id}).data[0]
    assert (entry.amount, entry.fee, entry.net) == (10_000, 175, 9_825)
    assert kinds(sdk)[:3] == [
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]
    stats = vendor.ask("stats", group="invoice_id")
    assert stats["charged"] == {"eur": 10_000}


def test_create_then_confirm_is_one_charge(sdk: Any, customer: Any, vendor: Vendor) -> None:
    intent = pay(sdk, customer, saved(sdk, customer, "pm_card_mastercard"), confirm=False)
    assert intent.status == "requires_confirmation"
    assert vendor.charges() == 0

    assert sdk.payment_intents.confirm(intent.id, {"off_session": True}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.payment_intents.confirm(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert vendor.charges() == 1


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_declining_card_is_refused_with_402(
    sdk: Any, customer: Any, token: str, code: str, decline_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay(sdk, customer, token)

    envelope = caught.value.json_body["error"]
    assert caught.value.http_status == 402
    assert (envelope["code"], envelope.get("decline_code")) == (code, decline_code)
    intent = sdk.payment_intents.retrieve(envelope["payment_intent"]["id"])
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == code
    assert sdk.charges.retrieve(intent.latest_charge).status == "failed"
    assert "payment_intent.payment_failed" in kinds(sdk)


def test_a_declining_card_cannot_be_saved(sdk: Any, customer: Any) -> None:
    with pytest.raises(stripe.CardError):
        saved(sdk, customer, "pm_card_chargeDeclined")
    assert sdk.payment_methods.list({"customer": customer.id}).data == []


def test_another_card_pays_after_a_decline(sdk: Any, customer: Any) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay(sdk, customer, "pm_card_chargeCustomerFail")
    intent_id = caught.value.json_body["error"]["payment_intent"]["id"]
    paid = sdk.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"
    assert paid.last_payment_error is None


def test_off_session_a_card_that_wants_its_owner_is_declined(sdk: Any, customer: Any) -> None:
    method = saved(sdk, customer, "pm_card_authenticationRequired")
    with pytest.raises(stripe.CardError) as caught:
        pay(sdk, customer, method, off_session=True)
    assert caught.value.code == "authentication_required"
    assert caught.value.error.payment_intent.status == "requires_payment_method"


@pytest.mark.parametrize(
    ("passed", "status"), [(True, "succeeded"), (False, "requires_payment_method")]
)
def test_on_session_the_owner_is_asked(
    sdk: Any, customer: Any, vendor: Vendor, passed: bool, status: str
) -> None:
    intent = pay(
        sdk, customer, "pm_card_authenticationRequired", return_url="https://shop.example/back"
    )
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url.startswith(vendor.url)
    assert vendor.charges() == 0

    vendor.control("authenticate", id=intent.id, passed=passed)
    assert sdk.payment_intents.retrieve(intent.id).status == status
    assert vendor.charges() == int(passed)


def test_a_card_set_up_once_is_charged_off_session(sdk: Any, customer: Any, vendor: Vendor) -> None:
    setup = sdk.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "allowed_payment_method_types": ["card"],
            "confirm": True,
        }
    )
    assert setup.status == "requires_action"
    vendor.control("authenticate", id=setup.id, passed=True)
    setup = sdk.setup_intents.retrieve(setup.id)
    assert setup.status == "succeeded"

    assert pay(sdk, customer, setup.payment_method, off_session=True).status == "succeeded"


def test_a_missing_return_url_is_refused_where_redirects_are_possible(
    sdk: Any, customer: Any
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.payment_intents.create(
            {"amount": 5, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
        )
    assert caught.value.param == "return_url"


def test_refunds_never_exceed_the_charge(sdk: Any, customer: Any) -> None:
    paid = pay(sdk, customer, "pm_card_visa")
    sdk.refunds.create({"payment_intent": paid.id, "amount": 4_000})
    with pytest.raises(stripe.InvalidRequestError):
        sdk.refunds.create({"payment_intent": paid.id, "amount": 6_001})
    sdk.refunds.create({"payment_intent": paid.id, "reason": "requested_by_customer"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.refunds.create({"payment_intent": paid.id})

    assert caught.value.code == "charge_already_refunded"
    charge = sdk.charges.retrieve(paid.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (10_000, True)
    assert [refund.amount for refund in sdk.refunds.list({"charge": charge.id}).data] == [
        6_000,
        4_000,
    ]
    assert kinds(sdk)[:3] == ["refund.updated", "charge.refunded", "refund.created"]
    entries = sdk.balance_transactions.list({"type": "refund"}).data
    assert sum(entry.amount for entry in entries) == -10_000


def test_a_canceled_payment_cannot_be_confirmed(sdk: Any, customer: Any) -> None:
    intent = pay(sdk, customer, "pm_card_visa", confirm=False)
    assert sdk.payment_intents.cancel(intent.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        sdk.payment_intents.confirm(intent.id)


def test_a_card_of_another_customer_is_refused(sdk: Any, customer: Any) -> None:
    stranger = sdk.customers.create({"email": "eve@example.com"})
    with pytest.raises(stripe.InvalidRequestError):
        pay(sdk, stranger, saved(sdk, customer, "pm_card_visa"))


def test_a_detached_card_is_gone_for_good(sdk: Any, customer: Any) -> None:
    method = saved(sdk, customer, "pm_card_visa")
    sdk.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method}})
    sdk.payment_methods.detach(method)

    assert sdk.payment_methods.list({"customer": customer.id, "type": "card"}).data == []
    refreshed = sdk.customers.retrieve(customer.id)
    assert refreshed.invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError):
        sdk.payment_methods.attach(method, {"customer": customer.id})


def test_metadata_merges_and_an_empty_value_removes(sdk: Any, customer: Any) -> None:
    changed = sdk.customers.update(customer.id, {"metadata": {"plan": "pro", "organization": ""}})
    assert changed.metadata.to_dict() == {"plan": "pro"}


def test_a_deleted_customer_is_a_stub(sdk: Any, customer: Any) -> None:
    sdk.customers.delete(customer.id)
    assert sdk.customers.retrieve(customer.id).deleted is True
    assert sdk.customers.list({"email": "ada@example.com"}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        pay(sdk, customer, "pm_card_visa")


def test_lists_page_both_ways_and_filter(sdk: Any, customer: Any) -> None:
    other = sdk.customers.create({"email": "bob@example.com"})
    made = [pay(sdk, customer, "pm_card_visa", confirm=False).id for _ in range(5)]
    pay(sdk, other, "pm_card_visa", confirm=False)

    pages = sdk.payment_intents.list({"customer": customer.id, "limit": 2})
    assert pages.has_more
    assert [intent.id for intent in pages.auto_paging_iter()] == made[::-1]
    back = sdk.payment_intents.list({"customer": customer.id, "ending_before": made[2]})
    assert [intent.id for intent in back.data] == [made[4], made[3]]


def test_a_property_that_cannot_be_expanded_is_refused(sdk: Any, customer: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        sdk.customers.retrieve(customer.id, {"expand": ["nothing"]})


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 5, "currency": "eur", "colour": "red"}, "parameter_unknown", "colour"),
        ({"amount": 5}, "parameter_missing", "currency"),
        ({"amount": "five", "currency": "eur"}, "parameter_invalid_integer", "amount"),
        ({"amount": 5, "currency": "eur", "customer": "cus_no"}, "resource_missing", "customer"),
    ],
)
def test_bad_parameters_are_named(sdk: Any, params: Any, code: str, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.payment_intents.create(params)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_an_unknown_id_is_404(sdk: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.payment_intents.retrieve("pi_unknown")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    assert caught.value.request_id.startswith("req_")


@pytest.mark.parametrize("key", ["nonsense", "sk_live_real", "rk_live_real"])
def test_a_wrong_key_is_401(vendor: Vendor, key: str) -> None:
    answer = vendor.http.get("/v1/customers", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert vendor.http.get("/v1/customers").status_code == 401
    assert vendor.http.get("/v1/customers", auth=(KEY, "")).status_code == 200


def test_another_api_version_is_refused(vendor: Vendor) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": "2020-08-27"}
    assert vendor.http.get("/v1/customers", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "body", [b"amount[=1", b"a[b]=1&a=2", b"\xff\xfe", b"a=1&a[b]=2", b"metadata[x][y]=1"]
)
def test_a_malformed_body_is_a_clear_400(vendor: Vendor, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = vendor.http.post("/v1/customers", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_real_card_number_is_refused(sdk: Any) -> None:
    card = {"number": "4111111111111111", "exp_month": 1, "exp_year": 2044, "cvc": "123"}
    with pytest.raises(stripe.CardError) as caught:
        sdk.payment_methods.create({"type": "card", "card": card})
    assert caught.value.json_body["error"]["decline_code"] == "test_mode_live_card"
