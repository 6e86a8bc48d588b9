"""One subscription: its facts, its end, its return."""

from __future__ import annotations

from typing import Any

import pytest

from billing.models import Subscription
from tests.integration.billing.web.buying import a_subscription


@pytest.fixture
def subscription(people: Any) -> Subscription:
    return a_subscription(people.organization)


def page_of(subscription: Subscription, step: str = "") -> str:
    return f"/billing/subscriptions/{subscription.pk}/{step}"


def test_it_shows_period_price_and_invoice(alice: Any, subscription: Subscription) -> None:
    page = alice.get(page_of(subscription)).content.decode()

    number = subscription.periods.get().invoice.number
    assert "€49.00 a month" in page
    assert "€58.31 with VAT" in page
    assert number in page


def test_cancelling_says_what_is_lost_and_when_before_it_happens(
    alice: Any, subscription: Subscription
) -> None:
    product = subscription.price.product
    product.features = ["25 devices"]
    product.save(update_fields=["features"])

    asked = alice.get(page_of(subscription, "cancel/")).content.decode()

    assert f"{subscription.current_period_end:%-d %b %Y}" in asked
    assert "25 devices" in asked
    assert "its key stops working" in asked
    subscription.refresh_from_db()
    assert not subscription.cancel_at_period_end


def test_cancelling_lets_it_run_out_and_resuming_takes_it_back(
    alice: Any, subscription: Subscription
) -> None:
    assert alice.post(page_of(subscription, "cancel/"))["Location"] == page_of(subscription)
    subscription.refresh_from_db()
    assert (subscription.status, subscription.cancel_at_period_end) == ("active", True)
    assert "Ends soon" in alice.get(page_of(subscription)).content.decode()

    alice.post(page_of(subscription, "resume/"))
    subscription.refresh_from_db()
    assert not subscription.cancel_at_period_end
    assert subscription.auto_renew


def test_a_subscription_that_ended_cannot_be_cancelled_or_resumed(
    alice: Any, subscription: Subscription
) -> None:
    subscription.status, subscription.ended_at = "ended", subscription.current_period_end
    subscription.save(update_fields=["status", "ended_at"])

    for step in ("cancel/", "resume/"):
        assert alice.post(page_of(subscription, step)).status_code == 409
    assert "End subscription" not in alice.get(page_of(subscription)).content.decode()


def test_a_member_may_look_and_is_told_who_may_cancel(bob: Any, subscription: Subscription) -> None:
    page = bob.get(page_of(subscription)).content.decode()

    assert "Alice can do it." in page
    for step in ("cancel/", "resume/"):
        assert bob.post(page_of(subscription, step)).status_code == 403
    subscription.refresh_from_db()
    assert not subscription.cancel_at_period_end


@pytest.mark.parametrize("step", ["", "cancel/", "resume/"])
def test_a_stranger_finds_nothing_and_nobody_must_log_in(
    charlie: Any, nobody: Any, subscription: Subscription, step: str
) -> None:
    ask = "get" if step == "" else "post"

    assert getattr(charlie, ask)(page_of(subscription, step)).status_code == 404
    answer = getattr(nobody, ask)(page_of(subscription, step))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_the_page_asks_few_queries(
    alice: Any, subscription: Subscription, django_assert_num_queries: Any
) -> None:
    alice.get(page_of(subscription))
    with django_assert_num_queries(10):
        alice.get(page_of(subscription))
