"""The vendor's page: one page per attempt, paid once, whatever answers are lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils.timezone import now

from accounts.models import Organization
from billing.models import BillingProfile, Invoice, LedgerEntry, PaymentAttempt, SavedCard
from billing.rules.orders import PaymentInProgress, PaymentNotOpen
from billing.services import attempts, checkout, customers
from billing.services.orders import pay_again
from config.kit import context
from config.kit.errors import Unavailable
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.billing import PriceFactory, attempt_of, order_of
from tests.simstripe import Vendor

CARD = {"number": "4242424242424242", "expiry": "12/44", "cvc": "123", "name": "Ada"}


@pytest.fixture
def attempt(vendor: Vendor, organization: Organization) -> PaymentAttempt:
    return attempt_of(order_of(organization, at=now()))


def look(attempt: PaymentAttempt) -> PaymentAttempt:
    checkout.look_at_page(attempt.pk, at=now())
    attempt.refresh_from_db()
    return attempt


def pay(vendor: Vendor, url: str) -> None:
    vendor.http.post(url, data=CARD)


def test_the_page_is_opened_once(vendor: Vendor, attempt: PaymentAttempt) -> None:
    url = checkout.open_hosted_page(attempt)
    assert checkout.open_hosted_page(attempt) == url
    attempt.refresh_from_db()
    assert (attempt.status, attempt.checkout_url) == ("requires_action", url)
    assert vendor.ask("stats")["objects"]["checkout.session"] == 1


def test_the_web_process_opens_the_page(vendor: Vendor, people: People) -> None:
    price = PriceFactory.create()
    with behind_the_wall(), context.acting(organization_id=people.organization.pk):
        order = order_of(people.organization, price=price, at=now())
        assert checkout.open_hosted_page(attempt_of(order)).startswith(vendor.url)


def test_a_lost_answer_leads_to_the_same_page(vendor: Vendor, attempt: PaymentAttempt) -> None:
    vendor.control("faults", lose_answer=1.0, match="checkout/sessions", times=1)
    with pytest.raises(Unavailable):
        checkout.open_hosted_page(attempt)
    attempt.refresh_from_db()
    assert attempt.status == "unknown"
    assert checkout.open_hosted_page(attempt)
    assert vendor.ask("stats")["objects"]["checkout.session"] == 1


def test_a_lost_customer_is_asked_for_again_in_the_same_words(
    vendor: Vendor, attempt: PaymentAttempt, organization: Organization
) -> None:
    vendor.control("faults", lose_answer=1.0, match="POST /v1/customers", times=1)
    with pytest.raises(Unavailable):
        checkout.open_hosted_page(attempt)
    BillingProfile.objects.update(legal_name="Renamed AG")
    checkout.open_hosted_page(attempt)
    assert vendor.ask("stats")["objects"]["customer"] == 1
    assert customers.profile_of(organization).stripe_customer_id


@pytest.mark.usefixtures("live_database", "vendor")
def test_two_requests_for_the_page_get_the_same_page() -> None:
    order = order_of(make_people().organization, at=now())

    def open_page(attempt: PaymentAttempt) -> str:
        try:
            return checkout.open_hosted_page(attempt)
        except Unavailable:
            return "busy"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        pages = set(pool.map(open_page, [attempt_of(order)] * 4))
    url = checkout.open_hosted_page(attempt_of(order))
    assert pages <= {url, "busy"}


def test_a_failure_saved_under_the_key_is_left_behind(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    vendor.control("faults", save_500=1.0, match="checkout/sessions", times=1)
    for _ in range(2):
        with pytest.raises(Unavailable):
            checkout.open_hosted_page(attempt)
    attempt.refresh_from_db()
    successor = attempt.invoice.attempts.latest("number")
    assert (attempt.status, successor.number) == ("failed", 2)
    assert checkout.open_hosted_page(successor)
    with pytest.raises(PaymentNotOpen):
        checkout.open_hosted_page(attempt)


def test_a_paid_page_is_settled_without_any_webhook(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    pay(vendor, checkout.open_hosted_page(attempt))
    assert look(attempt).status == "succeeded"
    invoice = Invoice.objects.get(pk=attempt.invoice_id)
    assert (invoice.status, invoice.order.status) == ("paid", "completed")
    before = LedgerEntry.objects.count()
    look(attempt)
    assert LedgerEntry.objects.count() == before
    assert vendor.charges() == 1


def test_a_page_that_waits_keeps_waiting(vendor: Vendor, attempt: PaymentAttempt) -> None:
    checkout.open_hosted_page(attempt)
    assert look(attempt).status == "requires_action"
    assert attempt.lease_until > now()
    assert attempt.pk not in attempts.due(method="hosted", at=now())
    assert attempt.pk in attempts.due(method="hosted", at=now() + timedelta(hours=2))


def test_an_expired_page_ends_its_attempt_and_another_can_be_tried(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    checkout.open_hosted_page(attempt)
    vendor.control("clock", advance_seconds=25 * 3600)
    try:
        assert look(attempt).status == "cancelled"
    finally:
        vendor.control("clock", offset_seconds=0)
    again = pay_again(attempt.invoice.order, method="hosted")
    assert (again.number, again.status) == (2, "requested")


def test_a_silent_vendor_changes_nothing(vendor: Vendor, attempt: PaymentAttempt) -> None:
    checkout.open_hosted_page(attempt)
    vendor.control("faults", fail_before=1.0, match="GET", times=1)
    assert look(attempt).status == "requires_action"


def test_a_page_never_opened_is_given_up_after_a_day(attempt: PaymentAttempt) -> None:
    tomorrow = attempt.created_at + timedelta(hours=24)
    assert attempt.pk not in attempts.due(method="hosted", at=now())
    assert attempt.pk in attempts.due(method="hosted", at=tomorrow)
    checkout.look_at_page(attempt.pk, at=tomorrow)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.failure) == ("cancelled", "abandoned")


def test_cancelling_closes_the_page_first(vendor: Vendor, attempt: PaymentAttempt) -> None:
    url = checkout.open_hosted_page(attempt)
    order = checkout.cancel_order(attempt.invoice.order, at=now())
    assert order.status == "cancelled"
    pay(vendor, url)
    assert vendor.charges() == 0


def test_a_payment_that_came_first_wins_over_cancelling(
    vendor: Vendor, attempt: PaymentAttempt
) -> None:
    pay(vendor, checkout.open_hosted_page(attempt))
    with pytest.raises(PaymentInProgress):
        checkout.cancel_order(attempt.invoice.order, at=now())
    assert look(attempt).status == "succeeded"


def test_a_card_left_on_the_page_is_kept(vendor: Vendor, attempt: PaymentAttempt) -> None:
    pay(vendor, checkout.open_hosted_page(attempt))
    customer_id = customers.profile_of(attempt.invoice.organization).stripe_customer_id
    customers.refresh_cards(customer_id)
    customers.refresh_cards(customer_id)
    card = SavedCard.objects.get()
    assert (card.last4, card.exp_year, card.is_default) == ("4242", 2044, True)
    customers.forget_card(attempt.invoice.organization, card)
    assert not SavedCard.objects.exists()
