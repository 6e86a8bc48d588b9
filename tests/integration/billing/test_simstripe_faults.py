"""The stand-in's faults, its own manners, and what survives its death."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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


PAYMENT = {
    "amount": 500,
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "allowed_payment_method_types": ["card"],
    "confirm": True,
}


def test_a_lost_answer_was_executed(sdk: Any, vendor: Vendor) -> None:
    vendor.control("faults", lose_answer=1.0, times=1)
    with pytest.raises(stripe.APIConnectionError):
        sdk.payment_intents.create(PAYMENT, {"idempotency_key": "k1"})
    assert vendor.charges() == 1

    found = sdk.payment_intents.create(PAYMENT, {"idempotency_key": "k1"})
    assert found.status == "succeeded"
    assert vendor.charges() == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_failure_before_executes_nothing_and_is_not_remembered(
    sdk: Any, vendor: Vendor, status: int
) -> None:
    vendor.control("faults", fail_before=1.0, fail_status=status, times=1)
    with pytest.raises(stripe.APIError) as caught:
        sdk.payment_intents.create(PAYMENT, {"idempotency_key": "k1"})
    assert caught.value.http_status == status
    assert vendor.charges() == 0

    assert sdk.payment_intents.create(PAYMENT, {"idempotency_key": "k1"}).status == "succeeded"


def test_a_rate_limit_answers_429(sdk: Any, vendor: Vendor) -> None:
    vendor.control("faults", rate_limit=1.0, times=1)
    with pytest.raises(stripe.RateLimitError):
        sdk.payment_intents.create(PAYMENT)


def test_faults_hit_only_what_they_match(sdk: Any, vendor: Vendor) -> None:
    vendor.control("faults", fail_before=1.0, match="^POST /v1/payment_intents/.*/confirm$")
    intent = sdk.payment_intents.create({**PAYMENT, "confirm": False})
    with pytest.raises(stripe.APIError):
        sdk.payment_intents.confirm(intent.id)


def test_the_same_seed_throws_the_same_dice(sdk: Any, vendor: Vendor) -> None:
    def run() -> list[str | None]:
        vendor.control("reset")
        vendor.control("faults", fail_before=0.5, seed=7)
        for _ in range(20):
            vendor.http.post("/v1/customers", headers={"Authorization": f"Bearer {KEY}"})
        return [request["fault"] for request in vendor.ask("requests")["requests"]]

    first = run()
    assert first == run()
    assert len(set(first)) == 2


@pytest.mark.parametrize(
    "values", [{"lose_answer": "often"}, {"nonsense": 1}, {"times": True}, {"match": 3}]
)
def test_an_unknown_or_mistyped_fault_is_refused(vendor: Vendor, values: dict[str, Any]) -> None:
    assert vendor.http.post("/_control/faults", json=values).status_code == 400


def test_a_web_page_cannot_send_control_requests(vendor: Vendor) -> None:
    as_form = vendor.http.post("/_control/reset", data={"a": "b"})
    elsewhere = vendor.http.get("/_control/stats", headers={"Host": "evil.example"})
    assert as_form.status_code == 415
    assert elsewhere.status_code == 421


def test_requests_are_listed_without_card_numbers(sdk: Any, vendor: Vendor) -> None:
    card = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2044, "cvc": "123"}
    sdk.payment_methods.create({"type": "card", "card": card})

    listed = vendor.http.get("/_control/requests").text
    assert "payment_methods" in listed
    assert "4242424242424242" not in listed


def test_state_survives_a_kill(tmp_path: Path) -> None:
    with running(str(tmp_path / "vendor.sqlite3")) as vendor:
        with vendor.sdk() as sdk:
            paid = sdk.payment_intents.create(PAYMENT, {"idempotency_key": "k1"})
        vendor.control("faults", fail_before=0.25, seed=3, match="nothing")
        vendor.control("clock", offset_seconds=3600)
        vendor.restart(signal.SIGKILL)

        with vendor.sdk() as sdk:
            assert sdk.payment_intents.retrieve(paid.id).status == "succeeded"
            assert sdk.payment_intents.create(PAYMENT, {"idempotency_key": "k1"}).id == paid.id
        assert vendor.charges() == 1
        assert vendor.ask("faults")["fail_before"] == 0.25
        assert vendor.control("clock")["offset_seconds"] == 3600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly(number: int) -> None:
    vendor = Vendor()
    assert vendor.stop(number) == 0


def test_only_a_loopback_address_is_listened_on() -> None:
    command = [sys.executable, "-m", "billing.standins.stripe", "--host", "0.0.0.0"]
    refused = subprocess.run(
        [*command, "--data", ":memory:"], capture_output=True, text=True, timeout=20, check=False
    )
    assert refused.returncode != 0
    assert "loopback" in refused.stderr
