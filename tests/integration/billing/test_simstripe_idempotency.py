"""The stand-in's idempotency keys: one key is one charge, whatever happens to the answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def payment(**extra: Any) -> dict[str, Any]:
    return {
        "amount": 1999,
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "allowed_payment_method_types": ["card"],
        "confirm": True,
        **extra,
    }


def form(**extra: str) -> dict[str, str]:
    return {
        "amount": "1999",
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "allowed_payment_method_types[0]": "card",
        "confirm": "true",
        **extra,
    }


def post(vendor: Vendor, key: str, **extra: str) -> Any:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": key}
    return vendor.http.post("/v1/payment_intents", data=form(**extra), headers=headers)


def test_the_same_key_replays_status_and_body(vendor: Vendor) -> None:
    first, second = post(vendor, "k1"), post(vendor, "k1")

    assert first.status_code == second.status_code == 200
    assert second.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["original-request"] == first.headers["request-id"]
    assert vendor.charges() == 1


def test_twenty_parallel_requests_with_one_key_charge_once(vendor: Vendor) -> None:
    vendor.control("faults", latency_ms=50)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(vendor, "k1"), range(20)))

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert vendor.charges() == 1


def test_a_key_in_flight_is_refused_with_409(vendor: Vendor) -> None:
    vendor.control("faults", latency_ms=400)
    with ThreadPoolExecutor(2) as pool:
        answers = [answer.result() for answer in [pool.submit(post, vendor, "k1") for _ in "ab"]]

    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["error"]["code"] == "idempotency_key_in_use"


def test_a_key_with_other_parameters_is_refused(sdk: Any, vendor: Vendor) -> None:
    sdk.payment_intents.create(payment(), {"idempotency_key": "k1"})
    with pytest.raises(stripe.IdempotencyError):
        sdk.payment_intents.create(payment(amount=2000), {"idempotency_key": "k1"})
    assert vendor.charges() == 1


def test_a_decline_is_replayed_and_not_tried_again(sdk: Any, vendor: Vendor) -> None:
    declining = payment(payment_method="pm_card_chargeCustomerFail")
    refusals = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            sdk.payment_intents.create(declining, {"idempotency_key": "k1"})
        refusals.append(caught.value.json_body)

    assert refusals[0] == refusals[1]
    assert vendor.ask("stats")["objects"]["charge"] == 1


def test_what_fails_validation_is_not_remembered(vendor: Vendor) -> None:
    assert post(vendor, "k1", amount="zero").status_code == 400
    assert post(vendor, "k1").status_code == 200


def test_a_key_is_forgotten_after_its_retention(vendor: Vendor) -> None:
    post(vendor, "k1")
    vendor.control("clock", advance_seconds=30 * 3600)
    again = post(vendor, "k1")

    assert "idempotent-replayed" not in again.headers
    assert vendor.charges() == 2


def test_the_retention_can_be_set(vendor: Vendor) -> None:
    vendor.control("clock", key_retention_seconds=60)
    post(vendor, "k1")
    vendor.control("clock", advance_seconds=61)
    post(vendor, "k1")
    assert vendor.charges() == 2


def test_switched_off_a_repetition_charges_twice(vendor: Vendor) -> None:
    vendor.control("faults", ignore_idempotency=True)
    post(vendor, "k1")
    post(vendor, "k1")
    assert vendor.charges() == 2


@pytest.mark.parametrize(("executes", "charges"), [(True, 1), (False, 0)])
def test_a_saved_500_is_replayed_for_ever(vendor: Vendor, executes: bool, charges: int) -> None:
    vendor.control("faults", save_500=1.0, save_500_executes=executes, times=1)
    first, second = post(vendor, "k1"), post(vendor, "k1")

    assert first.status_code == second.status_code == 500
    assert second.headers["idempotent-replayed"] == "true"
    assert vendor.charges() == charges
