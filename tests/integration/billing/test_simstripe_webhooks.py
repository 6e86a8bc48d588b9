"""The stand-in's webhooks: signed, retried, repeated, lost, and still there after a restart."""

from __future__ import annotations

import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.simstripe import SECRET, Shop, Vendor, running, shop, wait_until

TOLERANCE_SECONDS = 300


@pytest.fixture(scope="module")
def process() -> Iterator[Vendor]:
    with running() as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Shop]:
    with shop() as receiving:
        yield receiving


@pytest.fixture
def vendor(process: Vendor, receiver: Shop) -> Iterator[Vendor]:
    process.control("reset")
    process.control("webhooks", retry_ms=20)
    process.control("endpoints", url=receiver.url, secret=SECRET)
    yield process
    process.control("endpoints", remove=receiver.url)


@pytest.fixture
def sdk(vendor: Vendor) -> Iterator[Any]:
    with vendor.sdk() as services:
        yield services


def make_customers(sdk: Any, count: int) -> set[str]:
    return {sdk.customers.create({"email": f"c{number}@example.com"}).id for number in range(count)}


def delivered(vendor: Vendor) -> int:
    return vendor.ask("stats")["deliveries"].get("delivered", 0)


def test_a_webhook_is_signed_as_the_sdk_verifies(sdk: Any, vendor: Vendor, receiver: Shop) -> None:
    make_customers(sdk, 1)
    wait_until(lambda: receiver.received)
    body, signature = receiver.received[0]

    stripe.WebhookSignature.verify_header(body.decode(), signature, SECRET, TOLERANCE_SECONDS)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(
            body.decode().replace("c0", "c1"), signature, SECRET, TOLERANCE_SECONDS
        )
    assert receiver.events()[0]["data"]["object"]["email"] == "c0@example.com"


def test_a_moved_vendor_clock_does_not_move_signatures(
    sdk: Any, vendor: Vendor, receiver: Shop
) -> None:
    vendor.control("clock", advance_seconds=30 * 86_400)
    make_customers(sdk, 1)
    wait_until(lambda: receiver.received)
    body, signature = receiver.received[0]
    stripe.WebhookSignature.verify_header(body.decode(), signature, SECRET, TOLERANCE_SECONDS)
    assert receiver.events()[0]["created"] > time.time() + 29 * 86_400


def test_it_is_retried_until_the_shop_says_yes(sdk: Any, vendor: Vendor, receiver: Shop) -> None:
    receiver.statuses = [500, 302, 404]
    make_customers(sdk, 1)
    wait_until(lambda: delivered(vendor) == 1)

    assert len(receiver.received) == 4
    assert len({event["id"] for event in receiver.events()}) == 1
    assert sdk.events.list({"delivery_success": False}).data == []
    assert sdk.events.list({}).data[0].pending_webhooks == 0


def test_it_is_given_up_after_a_bound_and_can_be_resent(
    sdk: Any, vendor: Vendor, receiver: Shop
) -> None:
    vendor.control("webhooks", max_attempts=2)
    receiver.statuses = [500, 500]
    make_customers(sdk, 1)
    wait_until(lambda: vendor.ask("stats")["deliveries"].get("failed") == 1)
    undelivered = sdk.events.list({"delivery_success": False, "types": ["customer.created"]})
    assert len(undelivered.data) == 1

    assert vendor.control("webhooks", resend=True)["resent"] == 1
    wait_until(lambda: delivered(vendor) == 1)


def test_pending_webhooks_count_those_on_their_way(
    sdk: Any, vendor: Vendor, receiver: Shop
) -> None:
    vendor.control("webhooks", paused=True)
    make_customers(sdk, 1)
    assert sdk.events.list({}).data[0].pending_webhooks == 1
    assert receiver.received == []

    vendor.control("webhooks", paused=False)
    wait_until(lambda: delivered(vendor) == 1)
    assert sdk.events.list({}).data[0].pending_webhooks == 0


def test_copies_arrive_shuffled(sdk: Any, vendor: Vendor, receiver: Shop) -> None:
    vendor.control("webhooks", copies=5, shuffle_ms=200)
    made = make_customers(sdk, 20)
    wait_until(lambda: len(receiver.received) == 100)

    seen = Counter(event["id"] for event in receiver.events())
    assert set(seen.values()) == {5}
    assert {event["data"]["object"]["id"] for event in receiver.events()} == made
    order = [event["data"]["object"]["email"] for event in receiver.events()]
    assert order != sorted(order, key=lambda email: int(email[1:].partition("@")[0]))


def test_a_delay_is_kept(sdk: Any, vendor: Vendor, receiver: Shop) -> None:
    vendor.control("webhooks", delay_ms=300)
    started = time.monotonic()
    make_customers(sdk, 1)
    wait_until(lambda: receiver.received)
    assert time.monotonic() - started >= 0.3


def test_dropped_events_are_found_by_the_list(sdk: Any, vendor: Vendor, receiver: Shop) -> None:
    vendor.control("webhooks", drop=1.0)
    made = make_customers(sdk, 3)
    vendor.control("webhooks", drop=0.0)
    make_customers(sdk, 1)
    wait_until(lambda: delivered(vendor) == 1)

    lost = sdk.events.list({"delivery_success": False}).data
    assert {event.data.object.id for event in lost} == made
    assert len(receiver.received) == 1


def test_deliveries_go_on_after_a_kill(tmp_path: Path) -> None:
    with running(str(tmp_path / "vendor.sqlite3")) as vendor, shop() as receiver:
        vendor.control("webhooks", retry_ms=20, paused=True)
        vendor.control("endpoints", url=receiver.url, secret=SECRET)
        with vendor.sdk() as sdk:
            made = make_customers(sdk, 5)
        vendor.restart(signal.SIGKILL)
        assert receiver.received == []
        vendor.control("webhooks", paused=False)
        wait_until(lambda: delivered(vendor) == 5)
        assert {event["data"]["object"]["id"] for event in receiver.events()} == made


def test_a_receiver_that_hangs_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with (
        running(str(tmp_path / "vendor.sqlite3")) as vendor,
        socket.create_server(("127.0.0.1", 0)) as deaf,
    ):
        vendor.control("endpoints", url=f"http://127.0.0.1:{deaf.getsockname()[1]}/", secret=SECRET)
        with vendor.sdk() as sdk:
            make_customers(sdk, 1)
        wait_until(lambda: vendor.ask("stats")["deliveries"].get("sending") == 1)
        started = time.monotonic()
        assert vendor.stop() == 0
        assert time.monotonic() - started < 6
