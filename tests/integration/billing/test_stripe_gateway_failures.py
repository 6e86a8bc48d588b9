"""The Stripe gateway when answers are lost, forged, slow or wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from billing.gateways import stripe as gateway
from billing.gateways import stripe_connection
from billing.gateways.types import BadSignature, PaymentOutcome, PaymentStatus
from config.kit.errors import GatewayError
from config.kit.money import Money
from tests.simstripe import KEY, SECRET, Vendor, running, shop, wait_until


@pytest.fixture(scope="module")
def process() -> Iterator[Vendor]:
    with running() as started:
        yield started


@pytest.fixture
def vendor(process: Vendor, settings: Any) -> Vendor:
    process.control("reset")
    settings.STRIPE_SECRET_KEY = KEY
    settings.STRIPE_API_BASE = process.url
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    return process


@pytest.fixture
def customer_id(vendor: Vendor) -> str:
    return gateway.create_customer(
        name="Ada", email="ada@example.com", metadata={}, idempotency_key="cu"
    ).id


def create(customer_id: str, key: str = "c1") -> PaymentOutcome:
    return gateway.create_payment(
        customer_id=customer_id,
        card_id="pm_card_visa",
        amount=Money(500, "EUR"),
        description="Invoice",
        metadata={"invoice_id": "9"},
        idempotency_key=key,
    )


def confirm(payment_id: str, key: str = "x1") -> PaymentOutcome:
    return gateway.confirm_payment(payment_id=payment_id, idempotency_key=key)


def test_a_lost_confirmation_is_found_by_asking_again(vendor: Vendor, customer_id: str) -> None:
    payment = create(customer_id)
    vendor.control("faults", lose_answer=1.0, times=1)
    with pytest.raises(GatewayError) as caught:
        confirm(payment.id)
    assert (caught.value.retryable, caught.value.code) == (True, "no_answer")

    assert confirm(payment.id).status is PaymentStatus.SUCCEEDED
    assert vendor.charges() == 1


def test_a_lost_confirmation_is_found_after_keys_expired(vendor: Vendor, customer_id: str) -> None:
    payment = create(customer_id)
    vendor.control("faults", lose_answer=1.0, times=1)
    with pytest.raises(GatewayError):
        confirm(payment.id)
    vendor.control("clock", advance_seconds=30 * 3600)

    found = gateway.find_payments(customer_id=customer_id, metadata={"invoice_id": "9"})
    assert [payment.status for payment in found] == [PaymentStatus.SUCCEEDED]
    assert confirm(payment.id).status is PaymentStatus.SUCCEEDED
    assert vendor.charges() == 1


def test_parallel_confirmations_with_different_keys_charge_once(
    vendor: Vendor, customer_id: str
) -> None:
    payment = create(customer_id)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: confirm(payment.id, f"x{number}"), range(8)))
    assert {outcome.status for outcome in outcomes} == {PaymentStatus.SUCCEEDED}
    assert vendor.charges() == 1


def test_a_fresh_key_for_each_creation_leaves_two_payments(
    vendor: Vendor, customer_id: str
) -> None:
    for key in ("c1", "c2"):
        confirm(create(customer_id, key).id, f"{key}:x")
    assert vendor.charges() == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"fail_before": 1.0}, "server_error"),
        ({"fail_before": 1.0, "fail_status": 503}, "server_error"),
        ({"rate_limit": 1.0}, "rate_limited"),
    ],
)
def test_a_passing_failure_is_retryable(
    vendor: Vendor, customer_id: str, fault: dict[str, Any], code: str
) -> None:
    vendor.control("faults", **fault)
    with pytest.raises(GatewayError) as caught:
        create(customer_id)
    assert (caught.value.retryable, caught.value.code) == (True, code)


def test_a_saved_500_says_that_it_will_not_change(vendor: Vendor, customer_id: str) -> None:
    payment = create(customer_id)
    vendor.control("faults", save_500=1.0, times=1)
    codes = []
    for _ in range(2):
        with pytest.raises(GatewayError) as caught:
            confirm(payment.id)
        codes.append((caught.value.retryable, caught.value.code))

    assert codes == [(True, "server_error"), (False, "saved_failure")]
    assert gateway.fetch_payment(payment_id=payment.id).status is PaymentStatus.SUCCEEDED


def test_a_request_under_way_is_retryable(vendor: Vendor, customer_id: str) -> None:
    payment = create(customer_id)
    vendor.control("faults", latency_ms=400)

    def attempt(_: str) -> str:
        try:
            return confirm(payment.id).status
        except GatewayError as error:
            return f"{error.code}, {'retryable' if error.retryable else 'final'}"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, "ab")) == ["in_progress, retryable", "succeeded"]


def test_a_key_used_for_something_else_is_a_defect_of_ours(
    vendor: Vendor, customer_id: str
) -> None:
    create(customer_id)
    with pytest.raises(GatewayError) as caught:
        gateway.create_setup(customer_id=customer_id, idempotency_key="c1")
    assert (caught.value.retryable, caught.value.code) == (False, "key_reused")


def test_an_unknown_payment_is_final(vendor: Vendor) -> None:
    with pytest.raises(GatewayError) as caught:
        gateway.fetch_payment(payment_id="pi_unknown")
    assert (caught.value.retryable, caught.value.code) == (False, "resource_missing")


def test_a_wrong_key_is_final_and_not_repeated_in_the_message(
    vendor: Vendor, settings: Any
) -> None:
    settings.STRIPE_SECRET_KEY = "secretive_key_of_ours"
    with pytest.raises(GatewayError) as caught:
        gateway.fetch_payment(payment_id="pi_1")
    assert not caught.value.retryable
    assert "secretive" not in str(caught.value)


def test_without_a_key_nothing_is_sent(vendor: Vendor, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(GatewayError) as caught:
        gateway.fetch_payment(payment_id="pi_1")
    assert caught.value.code == "not_configured"


def test_nobody_there_is_retryable(vendor: Vendor, settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    with pytest.raises(GatewayError) as caught:
        gateway.fetch_payment(payment_id="pi_1")
    assert (caught.value.retryable, caught.value.code) == (True, "no_answer")


def test_the_gateway_asks_once_and_pins_the_version(vendor: Vendor, customer_id: str) -> None:
    vendor.control("faults", fail_before=1.0)
    with pytest.raises(GatewayError):
        create(customer_id)
    requests = [
        request
        for request in vendor.ask("requests")["requests"]
        if request["path"] == "/v1/payment_intents"
    ]
    assert len(requests) == 1
    assert requests[0]["version"] == stripe_connection.API_VERSION
    assert requests[0]["idempotency_key"] == "c1"


def test_every_write_carries_the_key_it_was_given(vendor: Vendor, customer_id: str) -> None:
    payment = create(customer_id, "key-create")
    confirm(payment.id, "key-confirm")
    gateway.refund_payment(payment_id=payment.id, idempotency_key="key-refund")
    writes = [r for r in vendor.ask("requests")["requests"] if r["method"] == "POST"]
    keys = [write["idempotency_key"] for write in writes]
    assert keys == ["cu", "key-create", "key-confirm", "key-refund"]


# Signatures


def signed(body: bytes, *, at: int | None = None, secret: str = SECRET) -> str:
    at = int(time.time()) if at is None else at
    return stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=at)


EVENT = json.dumps(
    {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
    }
).encode()


def test_a_signed_event_is_read(vendor: Vendor) -> None:
    event = gateway.read_event(body=EVENT, signature=signed(EVENT))
    assert (event.id, event.kind) == ("evt_1", "payment_intent.succeeded")
    assert (event.object_kind, event.object_id) == ("payment_intent", "pi_1")


def test_a_signature_of_the_recent_past_and_near_future_is_taken(vendor: Vendor) -> None:
    for skew in (-290, 290):
        at = int(time.time()) + skew
        assert gateway.read_event(body=EVENT, signature=signed(EVENT, at=at)).id == "evt_1"


@pytest.mark.parametrize(
    "signature",
    ["", "nonsense", "t=1", "t=x,v1=y", "v1=abc", "t=1,v1=ü", "t=,v1=", "t=1,v1=" + "0" * 64],
)
def test_a_malformed_signature_is_refused(vendor: Vendor, signature: str) -> None:
    with pytest.raises(BadSignature):
        gateway.read_event(body=EVENT, signature=signature)


@pytest.mark.parametrize("skew", [-301, 305, 10**9])
def test_an_old_or_future_signature_is_refused(vendor: Vendor, skew: int) -> None:
    at = int(time.time()) + skew
    with pytest.raises(BadSignature):
        gateway.read_event(body=EVENT, signature=signed(EVENT, at=at))


def test_a_second_timestamp_does_not_hide_the_future(vendor: Vendor) -> None:
    future = int(time.time()) + 10**6
    header = signed(EVENT, at=future)
    with pytest.raises(BadSignature):
        gateway.read_event(body=EVENT, signature=f"{header},t={int(time.time())}")


def test_a_changed_body_or_another_secret_is_refused(vendor: Vendor) -> None:
    signature = signed(EVENT)
    with pytest.raises(BadSignature):
        gateway.read_event(body=EVENT.replace(b"pi_1", b"pi_2"), signature=signature)
    with pytest.raises(BadSignature):
        gateway.read_event(body=EVENT, signature=signed(EVENT, secret="whsec_other"))


@pytest.mark.parametrize("body", [b"[]", b"{}", b"not json", b"null", b'{"id": 1}'])
def test_something_signed_that_is_no_event_is_refused(vendor: Vendor, body: bytes) -> None:
    with pytest.raises(BadSignature):
        gateway.read_event(body=body, signature=signed(body))


def test_bytes_that_are_no_text_are_refused(vendor: Vendor) -> None:
    with pytest.raises(BadSignature):
        gateway.read_event(body=b"\xff\xfe", signature="t=1,v1=abc")


def test_without_a_webhook_secret_nothing_is_believed(vendor: Vendor, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    with pytest.raises(GatewayError):
        gateway.read_event(body=EVENT, signature=signed(EVENT, secret=""))


def test_what_the_vendor_sends_is_read_and_what_it_lost_is_listed(
    vendor: Vendor, customer_id: str
) -> None:
    with shop() as receiver:
        vendor.control("endpoints", url=receiver.url, secret=SECRET)
        payment = create(customer_id)
        vendor.control("webhooks", drop=1.0)
        confirm(payment.id)
        wait_until(lambda: receiver.received)
        vendor.control("endpoints", remove=receiver.url)

    body, signature = receiver.received[0]
    assert gateway.read_event(body=body, signature=signature).object_id == payment.id
    since = datetime.now(UTC) - timedelta(minutes=1)
    lost = [event.kind for event in gateway.list_events(since=since, undelivered=True)]
    assert lost == ["payment_intent.succeeded", "charge.succeeded"]
