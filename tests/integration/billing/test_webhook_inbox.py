"""The inbox: what Stripe signed is stored once and applied until it is done; nothing else is."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.utils.timezone import now

from accounts.models import Organization
from billing import events, tasks
from billing.models import (
    Invoice,
    LedgerTransaction,
    PaymentAttempt,
    SavedCard,
    StripeEvent,
    Transaction,
)
from billing.services import charging, checkout, inbox
from billing.services.customers import ensure_stripe_customer
from tests.conftest import WalledClient
from tests.factories.billing import attempt_of, card_of, order_of
from tests.simstripe import SECRET, Vendor

URL = "/webhooks/stripe"
CARD = {"number": "4242424242424242", "expiry": "12/44", "cvc": "123", "name": "Ada"}


def notice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
    } | changes


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
    stamp = int(at or time.time())
    payload = f"{stamp}.{body.decode()}"
    return f"t={stamp},v1={stripe.WebhookSignature._compute_signature(payload, secret)}"


def deliver(body: bytes, signature: str | None = None) -> Any:
    headers = {"Stripe-Signature": signed(body) if signature is None else signature}
    return WalledClient().post(URL, body, content_type="application/json", headers=headers)


def events_of(vendor: Vendor) -> list[bytes]:
    """Return what the vendor has to say so far, oldest first, as it would send it."""
    with vendor.sdk() as sdk:
        listed = sdk.events.list({"limit": 100}).data
    return [json.dumps(event.to_dict(for_json=True)).encode() for event in reversed(listed)]


def apply_all() -> None:
    for event_id in inbox.due(at=now() + timedelta(seconds=5)):
        inbox.apply_event(event_id, at=now() + timedelta(seconds=5))


@pytest.fixture
def attempt(vendor: Vendor, organization: Organization) -> PaymentAttempt:
    return attempt_of(order_of(organization, at=now()))


@pytest.mark.usefixtures("db", "vendor")
def test_a_signed_event_is_stored_once_however_often_it_comes() -> None:
    body = json.dumps(notice()).encode()
    assert [deliver(body).status_code for _ in range(3)] == [200, 200, 200]
    event = StripeEvent.objects.get()
    assert (event.event_id, event.type, event.object_id) == (
        "evt_1", "payment_intent.succeeded", "pi_1",
    )  # fmt: skip
    assert event.handled_at is None


@pytest.mark.usefixtures("db", "vendor")
@pytest.mark.parametrize("forged", ["unsigned", "empty", "other secret", "old", "future", "words"])
def test_what_stripe_did_not_sign_just_now_is_refused_and_not_stored(forged: str) -> None:
    body = json.dumps(notice()).encode()
    signature = {
        "unsigned": "t=1,v1=00",
        "empty": "",
        "other secret": signed(body, "whsec_other"),
        "old": signed(body, at=time.time() - 3600),
        "future": signed(body, at=time.time() + 3600),
        "words": "zażółć",
    }[forged]
    answer = deliver(body, signature)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")
    assert not StripeEvent.objects.exists()


@pytest.mark.usefixtures("db", "vendor")
def test_a_changed_body_is_refused() -> None:
    body = json.dumps(notice()).encode()
    answer = deliver(body.replace(b"pi_1", b"pi_2"), signed(body))
    assert answer.status_code == 400
    assert not StripeEvent.objects.exists()


@pytest.mark.usefixtures("db", "vendor")
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"id": 7}', b'{"id": "evt_1", "data": []}'],
)
def test_signed_nonsense_is_refused_without_a_failure(body: bytes) -> None:
    stamp = int(time.time())
    payload = f"{stamp}.{body.decode(errors='replace')}"
    signature = f"t={stamp},v1={stripe.WebhookSignature._compute_signature(payload, SECRET)}"
    assert deliver(body, signature).status_code == 400


@pytest.mark.usefixtures("db", "vendor")
def test_a_signed_event_that_cannot_be_stored_is_refused() -> None:
    for kind in ("odd\x00", "odd\ud800", "x" * 500):
        body = json.dumps(notice(type=kind)).encode()
        assert deliver(body).status_code == 400


@pytest.mark.usefixtures("db", "vendor")
def test_an_oversized_event_is_refused() -> None:
    body = json.dumps(notice(padding="x" * 512 * 1024)).encode()
    answer = deliver(body)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert not StripeEvent.objects.exists()


@pytest.mark.usefixtures("db", "vendor")
def test_only_post_is_answered() -> None:
    assert WalledClient().get(URL).status_code == 405


def test_a_paid_page_is_settled_by_its_webhooks(vendor: Vendor, attempt: PaymentAttempt) -> None:
    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    for body in events_of(vendor):
        assert deliver(body).status_code == 200
    apply_all()
    assert not StripeEvent.objects.filter(handled_at=None).exists()
    assert Invoice.objects.get().status == "paid"
    assert Transaction.objects.count() == 1
    assert SavedCard.objects.get().last4 == "4242"


def test_events_in_any_order_and_many_times_settle_once(
    vendor: Vendor, organization: Organization
) -> None:
    tries = [attempt_of(order_of(organization, at=now())) for _ in range(5)]
    for attempt in tries:
        vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    bodies = events_of(vendor) * 3
    random.Random(7).shuffle(bodies)
    for body in bodies:
        inbox.receive(body=body, signature=signed(body), at=now())
        inbox.apply_event(json.loads(body)["id"], at=now())
    for event in StripeEvent.objects.all():
        inbox.apply_event(inbox.replay(event, at=now()).pk, at=now())
    assert Invoice.objects.filter(status="paid").count() == 5
    assert LedgerTransaction.objects.filter(kind="payment").count() == 5
    assert vendor.charges() == 5


def test_a_webhook_after_the_answer_changes_nothing(
    vendor: Vendor, organization: Organization
) -> None:
    customer_id = ensure_stripe_customer(organization)
    with vendor.sdk() as sdk:
        method = sdk.payment_methods.attach("pm_card_visa", {"customer": customer_id})
    card = card_of(organization, method.id)
    attempt = attempt_of(order_of(organization, method="saved_card", card=card, at=now()))
    charging.charge(attempt.pk, at=now())
    for body in events_of(vendor):
        inbox.receive(body=body, signature=signed(body), at=now())
    apply_all()
    assert not StripeEvent.objects.filter(handled_at=None).exists()
    assert Transaction.objects.count() == 1


@pytest.mark.usefixtures("db")
def test_a_payment_that_matches_nothing_stays_visible(vendor: Vendor) -> None:
    with vendor.sdk() as sdk:
        customer = sdk.customers.create({"email": "stranger@example.com"})
        method = sdk.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        sdk.payment_intents.create(
            {
                "amount": 700,
                "currency": "eur",
                "customer": customer.id,
                "payment_method": method.id,
                "confirm": True,
                "off_session": True,
                "allowed_payment_method_types": ["card"],
            }
        )
    for body in events_of(vendor):
        inbox.receive(body=body, signature=signed(body), at=now())
    apply_all()
    left = StripeEvent.objects.get(handled_at=None)
    assert left.type == "payment_intent.succeeded"
    assert left.error.startswith("unmatched")
    assert left.next_try_at > now()
    assert not Transaction.objects.exists()


def test_a_silent_vendor_is_asked_again_later_and_the_reason_is_kept(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    paid = next(body for body in events_of(vendor) if b"payment_intent.succeeded" in body)
    inbox.receive(body=paid, signature=signed(paid), at=now())
    event = StripeEvent.objects.get()
    vendor.control("faults", fail_before=1.0, match="GET", times=2)
    waits = []
    for turn in range(2):
        inbox.apply_event(event.pk, at=now() + timedelta(hours=turn))
        event.refresh_from_db()
        waits.append(event.next_try_at - now() - timedelta(hours=turn))
        assert event.handled_at is None
        assert "GatewayError" in event.error
    assert event.attempts == 2
    assert waits[0] < waits[1]
    inbox.apply_event(event.pk, at=now() + timedelta(hours=3))
    event.refresh_from_db()
    assert event.handled_at is not None
    assert event.error == ""
    assert Invoice.objects.get().status == "paid"


def test_a_crash_is_kept_on_the_event_and_tried_again(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    def crash(**_: Any) -> None:
        raise RuntimeError("no license server")

    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    paid = next(body for body in events_of(vendor) if b"payment_intent.succeeded" in body)
    inbox.receive(body=paid, signature=signed(paid), at=now())
    event = StripeEvent.objects.get()
    events.invoice_paid.connect(crash)
    try:
        with pytest.raises(RuntimeError, match="no license server"):
            tasks.apply_event(event.pk)
    finally:
        events.invoice_paid.disconnect(crash)
    event.refresh_from_db()
    assert (event.handled_at, event.error) == (None, "RuntimeError: no license server")
    assert Invoice.objects.get().status == "draft"
    inbox.apply_event(event.pk, at=now() + timedelta(minutes=1))
    assert Invoice.objects.get().status == "paid"


def test_an_event_in_another_workers_hands_is_left_to_it(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    paid = next(body for body in events_of(vendor) if b"payment_intent.succeeded" in body)
    inbox.receive(body=paid, signature=signed(paid), at=now())
    event = StripeEvent.objects.get()
    assert inbox._claim(event.pk, now()) is not None
    inbox.apply_event(event.pk, at=now())
    event.refresh_from_db()
    assert (event.handled_at, event.attempts) == (None, 1)
    assert event.pk in inbox.due(at=now() + timedelta(minutes=4))


def test_staff_can_replay_an_event(vendor: Vendor, attempt: PaymentAttempt) -> None:
    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    paid = next(body for body in events_of(vendor) if b"payment_intent.succeeded" in body)
    inbox.receive(body=paid, signature=signed(paid), at=now())
    apply_all()
    event = StripeEvent.objects.get()
    assert event.handled_at is not None
    event = inbox.replay(event, at=now())
    assert (event.handled_at, event.attempts) == (None, 0)
    apply_all()
    event.refresh_from_db()
    assert event.handled_at is not None
    assert Transaction.objects.count() == 1


def test_events_that_never_arrived_are_fetched(vendor: Vendor, attempt: PaymentAttempt) -> None:
    vendor.control("endpoints", url="http://127.0.0.1:9/nobody", secret=SECRET)
    try:
        vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
        assert inbox.fetch_missed(since=now() - inbox.OVERLAP, at=now()) > 0
    finally:
        vendor.control("endpoints", remove="http://127.0.0.1:9/nobody")
    apply_all()
    assert Invoice.objects.get().status == "paid"


@pytest.fixture
def deaf(vendor: Vendor) -> Iterator[None]:
    """The vendor knows one address for its webhooks, and nobody answers there."""
    vendor.control("endpoints", url="http://127.0.0.1:9/nobody", secret=SECRET)
    yield
    vendor.control("clock", offset_seconds=0)
    vendor.control("endpoints", remove="http://127.0.0.1:9/nobody")


def customers_of(vendor: Vendor, count: int) -> None:
    """Let so many events happen at the vendor."""
    with vendor.sdk() as sdk:
        for number in range(count):
            sdk.customers.create({"email": f"{number}@example.com"})


@pytest.mark.usefixtures("db", "deaf")
def test_what_was_fetched_before_is_not_announced_again(
    vendor: Vendor, redis_client: Any, django_capture_on_commit_callbacks: Any
) -> None:
    customers_of(vendor, 2)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            tasks.fetch_missed()
    assert StripeEvent.objects.count() == 2
    assert redis_client.llen("celery:money") == 2


@pytest.mark.usefixtures("db", "deaf")
def test_a_webhook_that_arrives_after_an_outage_hides_none_of_those_that_did_not(
    vendor: Vendor,
) -> None:
    vendor.control("clock", offset_seconds=-3 * 3600)
    customers_of(vendor, 1)
    vendor.control("clock", offset_seconds=0)
    assert deliver(json.dumps(notice()).encode()).status_code == 200
    tasks.fetch_missed()
    assert StripeEvent.objects.get().event_id == "evt_1"
    tasks.fetch_long_missed()
    assert StripeEvent.objects.filter(type="customer.created").count() == 1


@pytest.mark.usefixtures("db", "deaf")
def test_a_vendor_that_falls_silent_on_the_second_page_keeps_the_first(vendor: Vendor) -> None:
    def fall_silent(**_: Any) -> None:
        vendor.control("faults", fail_before=1.0, match="GET /v1/events")

    customers_of(vendor, 101)
    events.vendor_event_stored.connect(fall_silent)
    try:
        tasks.fetch_missed()
    finally:
        events.vendor_event_stored.disconnect(fall_silent)
    assert StripeEvent.objects.count() == 100
    vendor.control("faults", fail_before=0.0)
    tasks.fetch_missed()
    assert StripeEvent.objects.count() == 101


def test_a_refund_made_by_another_hand_waits_for_staff(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    checkout.look_at_page(attempt.pk, at=now())
    attempt.refresh_from_db()
    with vendor.sdk() as sdk:
        sdk.refunds.create({"payment_intent": attempt.payment_intent_id})
    for body in events_of(vendor):
        inbox.receive(body=body, signature=signed(body), at=now())
    apply_all()
    left = StripeEvent.objects.get(handled_at=None)
    assert left.error.startswith("left_to_staff: charge.refunded")
