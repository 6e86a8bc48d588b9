"""Saved cards: one charge, whichever answers are lost and whoever dies when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import Organization
from billing.models import Invoice, LedgerTransaction, PaymentAttempt, Subscription
from billing.services import attempts, charging
from billing.services.customers import ensure_stripe_customer
from tests.factories.billing import attempt_of, card_of, order_of
from tests.simstripe import Vendor

pytestmark = pytest.mark.usefixtures("vendor")


@pytest.fixture
def buy(vendor: Vendor, organization: Organization) -> Any:
    """Order with a saved card; return the attempt to charge it."""

    def order(token: str = "pm_card_visa") -> PaymentAttempt:
        customer_id = ensure_stripe_customer(organization)
        with vendor.sdk() as sdk:
            method = sdk.payment_methods.attach(token, {"customer": customer_id})
        card = card_of(organization, method.id)
        return attempt_of(order_of(organization, method="saved_card", card=card, at=now()))

    return order


def charge(attempt: PaymentAttempt, *, after: timedelta = timedelta()) -> PaymentAttempt:
    charging.charge(attempt.pk, at=now() + after)
    attempt.refresh_from_db()
    return attempt


HOURS = timedelta(hours=2)


def test_a_card_is_charged_and_the_order_completed(vendor: Vendor, buy: Any) -> None:
    attempt = charge(buy())
    assert attempt.status == "succeeded"
    assert Invoice.objects.get().status == "paid"
    assert Subscription.objects.get().status == "active"
    assert vendor.charges() == 1


def test_charging_again_charges_nothing(vendor: Vendor, buy: Any) -> None:
    attempt = charge(buy())
    charge(attempt)
    charge(attempt, after=HOURS)
    assert vendor.charges() == LedgerTransaction.objects.filter(kind="payment").count() == 1


@pytest.mark.parametrize("lost", ["payment_intents$", "payment_intents/.*/confirm"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_lost_answer_is_asked_for_again_and_charged_once(
    vendor: Vendor, buy: Any, lost: str, times: int
) -> None:
    attempt = buy()
    vendor.control("faults", lose_answer=1.0, match=lost, times=times)
    for _ in range(times):
        assert charge(attempt, after=HOURS).status in ("unknown", "succeeded")
    assert charge(attempt, after=2 * HOURS).status == "succeeded"
    assert vendor.charges() == 1
    assert vendor.ask("stats")["objects"]["payment_intent"] == 1


@pytest.mark.parametrize("executes", [True, False])
@pytest.mark.parametrize("lost", ["payment_intents$", "payment_intents/.*/confirm"])
def test_a_failure_that_is_replayed_for_ever_ends_in_one_charge(
    vendor: Vendor, buy: Any, lost: str, executes: bool
) -> None:
    attempt = buy()
    vendor.control("faults", save_500=1.0, save_500_executes=executes, match=lost, times=1)
    for turn in range(3):
        charge(attempt, after=HOURS * turn)
    for other in PaymentAttempt.objects.exclude(status="succeeded").live():
        charge(other, after=HOURS)
    assert Invoice.objects.get().status == "paid"
    assert vendor.charges() == 1


def test_a_worker_that_died_is_replaced_when_its_lease_is_over(vendor: Vendor, buy: Any) -> None:
    attempt = buy()
    assert attempts.claim(attempt.pk, at=now())
    assert charge(attempt).status == "sending"
    assert vendor.charges() == 0
    assert attempts.due(method="saved_card", at=now()) == []
    assert attempts.due(method="saved_card", at=now() + timedelta(minutes=4)) == [attempt.pk]
    assert charge(attempt, after=timedelta(minutes=4)).status == "succeeded"
    assert vendor.charges() == 1


def test_a_lost_nudge_is_found_by_the_sweeper(buy: Any) -> None:
    attempt = buy()
    assert attempts.due(method="saved_card", at=now()) == []
    assert attempts.due(method="saved_card", at=now() + timedelta(minutes=1)) == [attempt.pk]


def test_a_confirmation_lost_for_30_hours_is_found_and_not_repeated(
    vendor: Vendor, buy: Any
) -> None:
    attempt = buy()
    vendor.control("faults", lose_answer=1.0, match="confirm", times=1)
    assert charge(attempt).status == "unknown"
    vendor.control("clock", advance_seconds=30 * 3600)
    try:
        assert charge(attempt, after=timedelta(hours=30)).status == "succeeded"
    finally:
        vendor.control("clock", offset_seconds=0)
    assert vendor.charges() == 1


def test_a_payment_whose_id_was_lost_for_30_hours_is_found_by_its_metadata(
    vendor: Vendor, buy: Any
) -> None:
    attempt = buy()
    vendor.control("faults", lose_answer=1.0, match="payment_intents$", times=1)
    assert charge(attempt).status == "unknown"
    vendor.control("clock", advance_seconds=30 * 3600)
    try:
        assert charge(attempt, after=timedelta(hours=30)).status == "succeeded"
    finally:
        vendor.control("clock", offset_seconds=0)
    assert vendor.ask("stats")["objects"]["payment_intent"] == 1
    assert vendor.charges() == 1


def test_a_declined_card_fails_with_its_code_and_leaves_the_invoice_unpaid(
    vendor: Vendor, buy: Any
) -> None:
    attempt = charge(buy("pm_card_chargeCustomerFail"))
    assert (attempt.status, attempt.decline_code) == ("failed", "generic_decline")
    assert Invoice.objects.get().status == "draft"
    charge(attempt, after=HOURS)
    assert vendor.charges() == 0


def test_a_bank_that_asks_its_customer_is_waited_for(vendor: Vendor, buy: Any) -> None:
    attempt = charge(buy("pm_card_authenticationRequired"))
    assert attempt.status == "requires_action"
    assert attempt.checkout_url.startswith(vendor.url)
    assert charge(attempt, after=HOURS).status == "requires_action"
    vendor.control("authenticate", id=attempt.payment_intent_id, passed=True)
    assert charge(attempt, after=2 * HOURS).status == "succeeded"
    assert vendor.charges() == 1


def test_the_next_try_follows_the_tries_and_not_how_long_the_charge_waited_for_its_first(
    vendor: Vendor, buy: Any
) -> None:
    attempt = buy()
    PaymentAttempt.objects.update(created_at=now() - timedelta(minutes=30))
    vendor.control("faults", fail_before=1.0, fail_status=503, times=3)
    at, waits = now(), []
    for _ in range(3):
        charging.charge(attempt.pk, at=at)
        attempt.refresh_from_db()
        waits.append((attempt.lease_until - at).total_seconds())
        at = attempt.lease_until
    assert waits == [10, 20, 40]
    charging.charge(attempt.pk, at=at)
    attempt.refresh_from_db()
    assert (attempt.status, attempt.tries) == ("succeeded", 4)


def test_an_outage_at_the_vendor_only_delays(vendor: Vendor, buy: Any) -> None:
    attempt = buy()
    vendor.control("faults", fail_before=1.0, fail_status=503)
    for _ in range(3):
        assert charge(attempt, after=HOURS).status == "unknown"
    vendor.control("faults", fail_before=0.0)
    assert charge(attempt, after=2 * HOURS).status == "succeeded"
    assert vendor.charges() == 1
