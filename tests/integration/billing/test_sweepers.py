"""Sweepers: what was promised in a row is done although its nudge was lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import Organization
from billing import events, tasks
from billing.models import Invoice, InvoiceDocument, PaymentAttempt, StripeEvent
from billing.services import attempts, checkout
from billing.services.settlement import settle
from tests.factories.billing import AT, attempt_of, card_of, order_of, paid, profile_of
from tests.integration.billing.web.shelf import an_invoice
from tests.simstripe import SECRET, Vendor

CARD = {"number": "4242424242424242", "expiry": "12/44", "cvc": "123", "name": "Ada"}


def queued(redis_client: Any) -> list[tuple[str, str]]:
    """Return (task, arguments) of what waits in the money queue."""
    waiting = [json.loads(message) for message in redis_client.lrange("celery:money", 0, -1)]
    return [(message["headers"]["task"], message["headers"]["argsrepr"]) for message in waiting]


def test_a_charge_without_a_nudge_is_started(organization: Organization, redis_client: Any) -> None:
    card = card_of(organization, "pm_1")
    attempt = attempt_of(order_of(organization, method="saved_card", card=card))
    tasks.sweep_attempts()
    assert queued(redis_client) == []
    PaymentAttempt.objects.update(created_at=now() - timedelta(minutes=1))
    tasks.sweep_attempts()
    assert queued(redis_client) == [("billing.charge_attempt", f"('{attempt.pk}',)")]


@pytest.mark.usefixtures("db")
def test_an_event_without_a_nudge_is_started(redis_client: Any) -> None:
    StripeEvent.objects.create(
        event_id="evt_1",
        type="customer.created",
        created=AT,
        payload={},
        next_try_at=now() - timedelta(minutes=1),
    )
    tasks.sweep_inbox()
    assert queued(redis_client) == [("billing.apply_event", "('evt_1',)")]
    tasks.apply_event("evt_1")
    assert StripeEvent.objects.get().handled_at is not None


@pytest.fixture
def waiting(vendor: Vendor, organization: Organization) -> PaymentAttempt:
    """A payment page that was paid, all of whose webhooks were lost, and whose turn has come."""
    attempt = attempt_of(order_of(organization, at=now()))
    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    PaymentAttempt.objects.update(lease_until=now() - timedelta(seconds=1))
    return attempt


def test_a_page_paid_while_all_webhooks_were_lost_is_settled(
    waiting: PaymentAttempt, redis_client: Any
) -> None:
    tasks.sweep_checkouts()
    assert queued(redis_client) == [("billing.look_at_page", f"('{waiting.pk}',)")]
    tasks.look_at_page(str(waiting.pk))
    assert Invoice.objects.get().status == "paid"


def test_a_page_whose_vendor_is_down_waits_for_its_next_turn(
    vendor: Vendor, waiting: PaymentAttempt, redis_client: Any
) -> None:
    vendor.control("faults", fail_before=1.0, match="GET")
    tasks.look_at_page(str(waiting.pk))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.lease_until > now()) == ("requires_action", True)
    tasks.sweep_checkouts()
    assert queued(redis_client) == []


def test_a_page_that_cannot_be_recorded_does_not_come_before_all_others(
    waiting: PaymentAttempt, redis_client: Any
) -> None:
    def crash(**_: Any) -> None:
        raise RuntimeError("no license server")

    events.invoice_paid.connect(crash)
    try:
        with pytest.raises(RuntimeError, match="no license server"):
            tasks.look_at_page(str(waiting.pk))
    finally:
        events.invoice_paid.disconnect(crash)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.lease_until > now()) == ("requires_action", True)
    tasks.sweep_checkouts()
    assert queued(redis_client) == []


def test_an_abandoned_page_has_its_turn_like_all_others(organization: Organization) -> None:
    attempt = attempt_of(order_of(organization, at=now()))
    later = attempt.created_at + timedelta(hours=25)
    assert attempts.due(method="hosted", at=later) == [attempt.pk]
    attempts.look_later(attempt, again_at=later + timedelta(hours=1))
    assert attempts.due(method="hosted", at=later) == []
    assert attempts.due(method="hosted", at=later + timedelta(hours=1)) == [attempt.pk]


def test_a_look_that_comes_too_late_leaves_what_has_ended(organization: Organization) -> None:
    attempt = attempt_of(order_of(organization, at=now()))
    attempts.end(attempt, status="cancelled")
    attempts.look_later(attempt, again_at=now())
    attempt.refresh_from_db()
    assert attempt.lease_until is None


def test_a_finalised_invoice_gets_its_document_once(
    organization: Organization, redis_client: Any
) -> None:
    profile_of(organization)
    attempt = attempt_of(order_of(organization))
    settle(attempt, paid(attempt), at=now())
    tasks.sweep_documents()
    assert queued(redis_client) == [("billing.render_invoice", f"('{attempt.invoice_id}',)")]
    for _ in range(2):
        tasks.render_invoice(str(attempt.invoice_id))
    assert bytes(InvoiceDocument.objects.get().pdf).startswith(b"%PDF")
    assert not Invoice.objects.without_document().exists()


def test_invoices_that_cannot_be_typeset_have_their_turn_once_an_hour(
    organization: Organization,
) -> None:
    issued = AT.replace(second=17)
    stuck = an_invoice(organization, issued_at=issued)
    for minute in range(60):
        at = issued + timedelta(minutes=minute)
        assert list(Invoice.objects.due_for_document(at)) == [stuck]
    turns = [issued + timedelta(days=1, minutes=minute) for minute in range(120)]
    due = [at.minute for at in turns if Invoice.objects.due_for_document(at).exists()]
    assert due == [17, 17]


def test_invoices_that_cannot_be_typeset_hide_no_others(
    organization: Organization, redis_client: Any
) -> None:
    elsewhen = (now().minute + 30) % 60
    for number in range(100):
        an_invoice(
            organization,
            number=f"STUCK-{number}",
            paid=False,
            issued_at=AT.replace(second=elsewhen),
        )
    fresh = an_invoice(organization, issued_at=now())
    tasks.sweep_documents()
    assert queued(redis_client) == [("billing.render_invoice", f"('{fresh.pk}',)")]


@pytest.mark.usefixtures("db", "vendor")
def test_an_address_that_never_answers_is_no_reason_to_forget_its_events(
    vendor: Vendor, organization: Organization
) -> None:
    vendor.control("endpoints", url="http://127.0.0.1:9/nobody", secret=SECRET)
    try:
        vendor.http.post(
            checkout.open_hosted_page(attempt_of(order_of(organization, at=now()))), data=CARD
        )
        tasks.fetch_missed()
    finally:
        vendor.control("endpoints", remove="http://127.0.0.1:9/nobody")
    assert StripeEvent.objects.filter(type="payment_intent.succeeded").exists()
