"""Sweepers: what was promised in a row is done although its nudge was lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import Organization
from billing import tasks
from billing.models import Invoice, InvoiceDocument, PaymentAttempt, StripeEvent
from billing.services import checkout
from billing.services.settlement import settle
from tests.factories.billing import AT, attempt_of, card_of, order_of, paid, profile_of
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


def test_a_page_paid_while_all_webhooks_were_lost_is_settled(
    vendor: Vendor, organization: Organization
) -> None:
    attempt = attempt_of(order_of(organization, at=now()))
    vendor.http.post(checkout.open_hosted_page(attempt), data=CARD)
    PaymentAttempt.objects.update(lease_until=now() - timedelta(seconds=1))
    tasks.sweep_checkouts()
    assert Invoice.objects.get().status == "paid"


def test_a_vendor_that_is_down_does_not_stop_the_sweeper(
    vendor: Vendor, organization: Organization
) -> None:
    checkout.open_hosted_page(attempt_of(order_of(organization, at=now())))
    PaymentAttempt.objects.update(lease_until=now() - timedelta(seconds=1))
    vendor.control("faults", fail_before=1.0, match="GET")
    tasks.sweep_checkouts()
    attempt = PaymentAttempt.objects.get()
    assert (attempt.status, attempt.lease_until > now()) == ("requires_action", True)


def test_a_finalised_invoice_gets_its_document_once(
    organization: Organization, redis_client: Any
) -> None:
    profile_of(organization)
    attempt = attempt_of(order_of(organization))
    settle(attempt, paid(attempt), at=AT)
    tasks.sweep_documents()
    assert queued(redis_client) == [("billing.render_invoice", f"('{attempt.invoice_id}',)")]
    for _ in range(2):
        tasks.render_invoice(str(attempt.invoice_id))
    assert bytes(InvoiceDocument.objects.get().pdf).startswith(b"%PDF")
    assert not Invoice.objects.without_document().exists()


@pytest.mark.usefixtures("db", "vendor")
def test_an_address_that_never_answers_is_no_reason_to_forget_its_events(
    vendor: Vendor, organization: Organization
) -> None:
    vendor.control("endpoints", url="http://127.0.0.1:9/nobody", secret=SECRET)
    try:
        vendor.http.post(
            checkout.open_hosted_page(attempt_of(order_of(organization, at=now()))), data=CARD
        )
        tasks.sweep_checkouts()
    finally:
        vendor.control("endpoints", remove="http://127.0.0.1:9/nobody")
    assert StripeEvent.objects.filter(type="payment_intent.succeeded").exists()
