"""The billing overview: unpaid first, what comes, what was."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from accounts.models import User
from billing.models import Order, Subscription
from billing.services import attempts, subscriptions
from billing.services.purchases import purchase_of, purchases
from tests.factories.billing import attempt_of, card_of, order_of
from tests.integration.billing.web.buying import a_subscription
from tests.integration.billing.web.shelf import ISSUED, an_invoice


@pytest.fixture
def subscription(people: Any) -> Subscription:
    return a_subscription(people.organization)


def test_a_new_customer_is_shown_what_will_be_here(alice: Any) -> None:
    page = alice.get("/billing/").content.decode()

    for text in ("All paid: nothing is due.", "No subscriptions yet", "No invoices yet", "No card"):
        assert text in page


def test_the_next_charge_is_with_vat_and_on_its_day(alice: Any, subscription: Subscription) -> None:
    page = alice.get("/billing/")

    (charge,) = page.context["charges"]
    assert str(charge.total) == "€58.31"
    assert charge.at == subscription.current_period_end
    assert "Relay Team" in page.content.decode()


def test_days_are_written_as_the_reader_does(
    people: Any, alice: Any, bob: Any, subscription: Subscription
) -> None:
    User.objects.filter(pk=people.alice.pk).update(locale="de")
    ends = subscription.current_period_end
    for path in ("/billing/", f"/billing/subscriptions/{subscription.pk}/"):
        german, english = (client.get(path).content.decode() for client in (alice, bob))
        assert f"{ends:%d.%m.%Y}</time>" in german
        assert f"{ends:%-d %b %Y}" not in german
        assert f"{ends:%-d %b %Y}</time>" in english


def test_a_cancelled_subscription_is_not_charged_next(
    alice: Any, subscription: Subscription
) -> None:
    subscriptions.cancel_at_period_end(subscription, at=now())

    page = alice.get("/billing/")

    assert page.context["charges"] == []
    assert "Ends soon" in page.content.decode()


def test_what_was_billed_this_month_counts_from_its_first_day(alice: Any, people: Any) -> None:
    an_invoice(people.organization, number="SW-1", issued_at=ISSUED.replace(day=1, hour=0))
    an_invoice(people.organization, number="SW-2", issued_at=ISSUED.replace(day=3), paid=False)
    an_invoice(people.organization, number="SW-3", issued_at=ISSUED.replace(month=9, day=30))
    an_invoice(people.other, number="SW-4", issued_at=ISSUED.replace(day=2))

    with time_machine.travel(ISSUED, tick=False):
        page = alice.get("/billing/")

    assert str(page.context["month"]) == "€116.62"
    assert str(page.context["unpaid"]) == "€58.31"


def test_what_is_unpaid_stands_first_with_a_way_to_pay(alice: Any, people: Any) -> None:
    invoice = an_invoice(people.organization, paid=False)
    order = order_of(people.organization, at=now())

    items = alice.get("/billing/").context["attention"]

    assert [item["url"] for item in items] == [
        f"/billing/invoices/{invoice.pk}/",
        f"/checkout/{order.pk}/",
    ]
    assert items[1]["action"] == "Pay"


def test_a_failed_payment_offers_another_try(alice: Any, people: Any) -> None:
    order = order_of(people.organization, at=now())
    attempts.end(attempt_of(order), status="failed", reason="Declined.", decline_code="generic")

    (item,) = alice.get("/billing/").context["attention"]

    assert item["title"].endswith("was not paid.")
    assert item["action"] == "Try again"


def test_the_card_on_file_is_named_not_shown(alice: Any, people: Any) -> None:
    card = card_of(people.organization, "pm_1")
    card.is_default = True
    card.save(update_fields=["is_default"])

    page = alice.get("/billing/").content.decode()

    assert "Visa ending in 4242" in page
    assert "pm_1" not in page


def test_a_stranger_sees_their_own_and_nobody_must_log_in(
    bob: Any, charlie: Any, nobody: Any, subscription: Subscription
) -> None:
    assert "Relay Team" in bob.get("/billing/").content.decode()
    assert "Relay Team" not in charlie.get("/billing/").content.decode()
    assert nobody.get("/billing/")["Location"].startswith("/login/")


def test_the_overview_asks_the_same_number_of_queries_for_one_and_for_many(
    alice: Any, people: Any, subscription: Subscription, django_assert_num_queries: Any
) -> None:
    order_of(people.organization, at=now())
    alice.get("/billing/")
    with django_assert_num_queries(19):
        alice.get("/billing/")
    for _ in range(3):
        a_subscription(people.organization)
        order_of(people.organization, at=now())
    with django_assert_num_queries(19):
        alice.get("/billing/")


def test_a_purchase_nobody_asked_money_for_is_open(people: Any) -> None:
    order_of(people.organization, at=now())

    assert purchase_of(purchases(people.organization).get()).stage == "open"


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("sending", "processing"),
        ("unknown", "processing"),
        ("requires_action", "processing"),
        ("succeeded", "processing"),
        ("failed", "failed"),
        ("cancelled", "failed"),
    ],
)
def test_a_purchase_failed_only_when_that_is_known(people: Any, status: str, stage: str) -> None:
    order = order_of(people.organization, at=now())
    attempt = attempt_of(order)
    attempt.status, attempt.lease_until = status, now()
    attempt.save(update_fields=["status", "lease_until"])

    assert purchase_of(purchases(people.organization).get()).stage == stage
    assert Order.objects.count() == 1
