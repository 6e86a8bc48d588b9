"""From the product page over the vendor's page to a paid order, and every way it goes wrong."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from billing.models import Order, PaymentAttempt, SavedCard
from billing.services import attempts, charging, checkout
from tests.factories.billing import attempt_of, card_of
from tests.factories.pages import polled
from tests.integration.billing.web.shelf import a_product
from tests.simstripe import Vendor

GOOD = {"number": "4242424242424242", "expiry": "12/44", "cvc": "123", "name": "Ada"}
STEPS = ("", "pay/", "return/", "cancel/")


@pytest.fixture
def order(alice: Any) -> Order:
    """Alice orders one Relay Team for a month on the product page: 58.31 EUR with VAT."""
    product = a_product()
    said = {"price": str(product.prices.get(interval="monthly").pk), "quantity": "1"}
    answer = alice.post(f"/catalog/{product.slug}/", said)
    return Order.objects.get(pk=UUID(answer["Location"].split("/")[2]))


@pytest.fixture
def card(vendor: Vendor, people: Any) -> SavedCard:
    return card_of(people.organization, vendor_card(vendor, people))


def vendor_card(vendor: Vendor, people: Any, token: str = "pm_card_visa") -> str:
    """Keep a card of the organization at the vendor and return its id."""
    from_us = checkout.ensure_stripe_customer(people.organization)
    with vendor.sdk() as sdk:
        return str(sdk.payment_methods.attach(token, {"customer": from_us}).id)


def page(client: Any, order: Order, step: str = "") -> Any:
    return client.get(f"/checkout/{order.pk}/{step}")


def pay(client: Any, order: Order, method: str = "page") -> Any:
    return client.post(f"/checkout/{order.pk}/pay/", {"method": method})


def settle(order: Order) -> None:
    checkout.look_at_page(attempt_of(order).pk, at=now())


def test_buying_goes_over_the_vendors_page_to_paid(
    vendor: Vendor, alice: Any, order: Order
) -> None:
    review = page(alice, order).content.decode()
    assert "€9.31" in review
    assert "Pay €58.31" in review

    away = pay(alice, order)
    assert away.status_code == 303
    assert away["Location"].startswith(vendor.url)

    vendor.http.post(away["Location"], data=GOOD)
    waiting = page(alice, order, "return/").content.decode()
    assert "Processing your payment" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert '<meta http-equiv="refresh" content="2">' in waiting
    assert "Not paid" not in waiting
    asks = polled(alice, f"/checkout/{order.pk}/return/", "purchase")
    assert alice.get(asks, headers={"HX-Request": "true"}).status_code == 204

    settle(order)
    assert b"Thank you" in alice.get(asks, headers={"HX-Request": "true"}).content
    paid = page(alice, order, "return/").content.decode()
    order.refresh_from_db()
    invoice = order.invoices.get()
    assert "Thank you" in paid
    assert f"/billing/invoices/{invoice.pk}/" in paid
    assert "/billing/subscriptions/" in paid
    assert "/licenses/" in paid
    assert "hx-trigger" not in paid.partition('id="purchase"')[2]
    assert "http-equiv" not in paid
    assert vendor.charges() == 1


def test_the_review_of_a_paid_order_leads_to_its_result(
    vendor: Vendor, alice: Any, order: Order
) -> None:
    vendor.http.post(pay(alice, order)["Location"], data=GOOD)
    settle(order)

    assert page(alice, order)["Location"] == f"/checkout/{order.pk}/return/"
    assert pay(alice, order)["Location"] == f"/checkout/{order.pk}/return/"


def test_an_order_nobody_tried_to_pay_is_reviewed_not_awaited(alice: Any, order: Order) -> None:
    assert page(alice, order, "return/")["Location"] == f"/checkout/{order.pk}/"


def test_pressing_pay_twice_leads_to_one_page(vendor: Vendor, alice: Any, order: Order) -> None:
    assert pay(alice, order)["Location"] == pay(alice, order)["Location"]
    assert "opened the payment page already" in page(alice, order).content.decode()
    assert vendor.ask("stats")["objects"]["checkout.session"] == 1


def test_a_silent_vendor_costs_nothing_and_can_be_tried_again(
    vendor: Vendor, alice: Any, order: Order
) -> None:
    vendor.control("faults", fail_before=1.0, match="checkout/sessions", times=1)

    refused = pay(alice, order)
    told = alice.get(refused["Location"]).content.decode()

    assert refused["Location"] == f"/checkout/{order.pk}/"
    assert "Nothing was charged" in told
    assert pay(alice, order).status_code == 303


def test_a_page_that_ran_out_can_be_tried_again_as_a_new_attempt(
    vendor: Vendor, alice: Any, order: Order
) -> None:
    first = pay(alice, order)["Location"]
    attempts.end(attempt_of(order), status="cancelled", reason="page_expired")

    told = page(alice, order, "return/").content.decode()
    assert "The payment was not finished." in told
    assert "Try again" in told

    again = pay(alice, order)
    assert again.status_code == 303
    assert again["Location"] != first
    assert attempt_of(order).number == 2


def test_a_saved_card_is_charged_after_the_button_and_not_before(
    vendor: Vendor, alice: Any, order: Order, card: SavedCard
) -> None:
    assert "Visa ending in 4242" in page(alice, order).content.decode()
    assert vendor.charges() == 0

    answer = pay(alice, order, str(card.pk))
    attempt = attempt_of(order)
    assert answer["Location"] == f"/checkout/{order.pk}/return/"
    assert (attempt.method, attempt.card) == ("saved_card", card)
    assert "Processing" in page(alice, order, "return/").content.decode()

    charging.charge(attempt.pk, at=now())
    assert "Thank you" in page(alice, order, "return/").content.decode()
    assert vendor.charges() == 1


def test_a_card_kept_twice_is_offered_once(
    vendor: Vendor, alice: Any, people: Any, order: Order, card: SavedCard
) -> None:
    card_of(people.organization, "pm_again")
    card.is_default = True
    card.save(update_fields=["is_default"])

    offered = page(alice, order).content.decode()

    assert offered.count("Visa ending in 4242") == 1
    assert f'value="{card.pk}"' in offered


def test_choosing_a_card_closes_the_page_that_was_open(
    vendor: Vendor, alice: Any, order: Order, card: SavedCard
) -> None:
    url = pay(alice, order)["Location"]
    pay(alice, order, str(card.pk))
    vendor.http.post(url, data=GOOD)
    charging.charge(attempt_of(order).pk, at=now())

    assert vendor.charges() == 1


def test_a_page_paid_in_the_meantime_is_not_paid_again_by_card(
    vendor: Vendor, alice: Any, order: Order, card: SavedCard
) -> None:
    vendor.http.post(pay(alice, order)["Location"], data=GOOD)

    answer = pay(alice, order, str(card.pk))

    assert answer["Location"] == f"/checkout/{order.pk}/return/"
    assert attempt_of(order).method == "hosted"
    settle(order)
    assert vendor.charges() == 1


def test_a_declined_card_is_told_with_its_reason(
    vendor: Vendor, alice: Any, people: Any, order: Order
) -> None:
    token = "pm_card_chargeCustomerFail"
    card = card_of(people.organization, vendor_card(vendor, people, token))
    pay(alice, order, str(card.pk))
    charging.charge(attempt_of(order).pk, at=now())

    told = page(alice, order, "return/").content.decode()

    assert "Your card was declined." in told
    assert "Nothing was charged." in told
    assert pay(alice, order).status_code == 303


@pytest.mark.parametrize("method", ["", "cash", "01900000-0000-7000-8000-000000000000", "\x00"])
def test_a_way_to_pay_that_is_not_offered_is_refused(alice: Any, order: Order, method: str) -> None:
    answer = pay(alice, order, method)

    assert answer["Location"] == f"/checkout/{order.pk}/"
    assert attempt_of(order).status == "requested"


def test_a_strangers_card_cannot_be_charged(
    vendor: Vendor, alice: Any, people: Any, order: Order
) -> None:
    card = card_of(people.other, "pm_of_southwind")

    pay(alice, order, str(card.pk))

    assert not PaymentAttempt.objects.filter(card=card).exists()


def test_an_unpaid_order_can_be_given_up(vendor: Vendor, alice: Any, order: Order) -> None:
    asked = page(alice, order, "cancel/").content.decode()
    answer = alice.post(f"/checkout/{order.pk}/cancel/")

    assert "Give up this order?" in asked
    assert answer["Location"] == "/billing/"
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert "This order is cancelled" in page(alice, order, "return/").content.decode()


def test_a_paid_order_cannot_be_given_up(vendor: Vendor, alice: Any, order: Order) -> None:
    vendor.http.post(pay(alice, order)["Location"], data=GOOD)
    settle(order)

    answer = alice.post(f"/checkout/{order.pk}/cancel/")

    assert answer["Location"] == f"/checkout/{order.pk}/return/"
    order.refresh_from_db()
    assert order.status == "completed"


def test_a_member_sees_the_order_but_may_not_pay_or_cancel_it(bob: Any, order: Order) -> None:
    assert "Alice can pay this order" in page(bob, order).content.decode()
    assert pay(bob, order).status_code == 403
    assert page(bob, order, "cancel/").status_code == 403
    assert attempt_of(order).status == "requested"


@pytest.mark.parametrize("step", STEPS)
def test_a_stranger_finds_nothing_and_nobody_must_log_in(
    charlie: Any, nobody: Any, order: Order, step: str
) -> None:
    ask = "post" if step == "pay/" else "get"
    address = f"/checkout/{order.pk}/{step}"

    assert getattr(charlie, ask)(address, {"method": "page"}).status_code == 404
    answer = getattr(nobody, ask)(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_paying_needs_a_post(alice: Any, order: Order) -> None:
    assert alice.get(f"/checkout/{order.pk}/pay/").status_code == 405


def test_the_polled_page_asks_few_queries(
    vendor: Vendor, alice: Any, order: Order, django_assert_num_queries: Any
) -> None:
    pay(alice, order)
    page(alice, order, "return/")
    with django_assert_num_queries(11):
        page(alice, order, "return/")
