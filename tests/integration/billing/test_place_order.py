"""Orders: one per key, as sold, with a draft invoice, its VAT and an attempt to collect it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from accounts.models import Organization
from billing import events
from billing.models import Invoice, Order, PaymentAttempt, Price
from billing.rules.orders import (
    BillingDetailsMissing,
    CardNotFound,
    ClientKeyReused,
    CurrencyMismatch,
    NothingToPay,
    OrderNotOpen,
    OrganizationNotActive,
    PaymentInProgress,
    PriceNotOnSale,
    QuantityRefused,
)
from billing.services import attempts
from billing.services.orders import cancel_order, pay_again
from config.kit import context
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.billing import (
    AT,
    PriceFactory,
    attempt_of,
    card_of,
    order_of,
    profile_of,
)


def test_an_order_keeps_what_was_sold(people: People) -> None:
    profile_of(people.organization)
    order = order_of(people.organization, quantity=3, placed_by=people.alice)
    item = order.items.get()
    assert (order.status, order.total_minor, order.placed_by) == ("ordered", 14700, people.alice)
    assert order.number.startswith("O-2026-")
    assert (item.product_name, item.quantity, item.unit_amount_minor) == ("Relay Team", 3, 4900)


def test_an_order_drafts_its_invoice_with_vat(organization: Organization) -> None:
    profile_of(organization)
    invoice = Invoice.objects.get(order=order_of(organization, quantity=3))
    line = invoice.lines.get()
    assert (invoice.status, invoice.number) == ("draft", None)
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (14700, 2793, 17493)
    assert (line.tax_rate, line.kind, line.description) == (19, "license", "Relay Team, monthly")
    assert invoice.buyer["name"] == "Northwind GmbH"
    assert invoice.seller["vat_id"] == "DE136695976"


@pytest.mark.parametrize(
    ("country", "vat_id", "treatment", "tax_minor"),
    [
        ("DE", "", "domestic", 931),
        ("FR", "", "consumer", 980),
        ("FR", "FR61954506077", "reverse_charge", 0),
        ("US", "", "outside", 0),
    ],
)
def test_vat_follows_the_customer(
    organization: Organization, country: str, vat_id: str, treatment: str, tax_minor: int
) -> None:
    profile_of(organization, country=country, vat_id=vat_id)
    invoice = Invoice.objects.get(order=order_of(organization))
    assert (invoice.tax_treatment, invoice.tax_minor) == (treatment, tax_minor)
    assert bool(invoice.tax_note) == (tax_minor == 0)


def test_an_order_requests_its_payment_with_frozen_words(organization: Organization) -> None:
    attempt = attempt_of(order_of(organization))
    assert (attempt.status, attempt.method, attempt.amount_minor) == ("requested", "hosted", 5831)
    assert attempt.idempotency_key == f"a:{attempt.pk}"
    assert attempt.params["metadata"]["attempt_id"] == str(attempt.pk)
    assert attempt.params["success_url"].endswith("/return/")


def test_a_repeated_key_is_the_same_order(organization: Organization) -> None:
    price = PriceFactory.create()
    first = order_of(organization, price=price, client_key="once")
    assert order_of(organization, price=price, client_key="once") == first
    assert Order.objects.count() == Invoice.objects.count() == PaymentAttempt.objects.count() == 1
    with pytest.raises(ClientKeyReused):
        order_of(organization, price=price, client_key="once", quantity=2)


def test_a_key_belongs_to_one_organization(people: People) -> None:
    first = order_of(people.organization, client_key="once")
    assert order_of(people.other, client_key="once") != first


def refuse(organization: Organization, refusal: type[Exception], **facts: Any) -> None:
    with pytest.raises(refusal):
        order_of(organization, **facts)
    assert not Order.objects.exists()


@pytest.mark.parametrize("quantity", [0, -1, 1001])
def test_a_quantity_out_of_bounds_is_refused(organization: Organization, quantity: int) -> None:
    refuse(organization, QuantityRefused, quantity=quantity)


def test_what_is_not_on_sale_is_refused(organization: Organization) -> None:
    for facts in ({"is_active": False}, {"product__is_active": False}, {"product__stock": 0}):
        refuse(organization, PriceNotOnSale, price=PriceFactory.create(**facts))


def test_another_currency_is_refused(organization: Organization) -> None:
    refuse(organization, CurrencyMismatch, price=PriceFactory.create(currency="USD"))


def test_what_costs_nothing_is_not_paid(organization: Organization) -> None:
    refuse(organization, NothingToPay, price=PriceFactory.create(unit_amount_minor=0))


def test_without_a_country_there_is_no_tax_and_no_order(organization: Organization) -> None:
    profile_of(organization, country="")
    refuse(organization, BillingDetailsMissing)


def test_a_suspended_organization_does_not_order(organization: Organization) -> None:
    organization.status = Organization.Status.SUSPENDED
    organization.save(update_fields=["status"])
    refuse(organization, OrganizationNotActive)


def test_another_customers_card_is_refused(people: People) -> None:
    card = card_of(people.other, "pm_other")
    refuse(people.organization, CardNotFound, method="saved_card", card=card)
    refuse(people.organization, CardNotFound, method="saved_card", card=None)


def test_the_web_process_may_place_and_cancel_but_not_touch_prices(people: People) -> None:
    price = PriceFactory.create()
    with behind_the_wall(), context.acting(organization_id=people.organization.pk):
        order = order_of(people.organization, price=price)
        order = cancel_order(order, at=AT)
    assert order.status == "cancelled"
    assert Invoice.objects.get(order=order).status == "void"
    assert attempt_of(order).status == "cancelled"


def test_cancelling_twice_is_cancelling_once(organization: Organization) -> None:
    order = cancel_order(order_of(organization), at=AT)
    assert cancel_order(order, at=AT).cancelled_at == AT
    with pytest.raises(OrderNotOpen):
        pay_again(order, method="hosted")


def test_a_payment_under_way_forbids_cancelling(organization: Organization) -> None:
    order = order_of(organization)
    assert attempts.start_page(attempt_of(order), at=AT)
    with pytest.raises(PaymentInProgress):
        cancel_order(order, at=AT)


def test_paying_again_returns_the_live_attempt_or_makes_the_next(
    organization: Organization,
) -> None:
    order = order_of(organization)
    first = attempt_of(order)
    assert pay_again(order, method="hosted") == first
    attempts.end(first, status="failed", reason="declined")
    second = pay_again(order, method="hosted")
    assert (second.number, second.status) == (2, "requested")
    assert second.idempotency_key != first.idempotency_key


def test_a_saved_card_asks_for_its_charge(organization: Organization) -> None:
    asked: list[UUID] = []

    def listen(attempt: PaymentAttempt, **_: Any) -> None:
        asked.append(attempt.pk)

    events.payment_requested.connect(listen)
    try:
        order = order_of(organization, method="saved_card", card=card_of(organization, "pm_1"))
    finally:
        events.payment_requested.disconnect(listen)
    assert asked == [attempt_of(order).pk]


@pytest.mark.usefixtures("live_database")
def test_many_requests_with_one_key_place_one_order() -> None:
    people = make_people()
    price = PriceFactory.create()
    with ThreadPoolExecutor(8) as pool:
        orders = list(pool.map(lambda _: _place_once(people.organization, price), range(16)))
    assert len({order.pk for order in orders}) == 1
    assert Order.objects.count() == PaymentAttempt.objects.count() == 1


def _place_once(organization: Organization, price: Price) -> Order:
    try:
        return order_of(organization, price=price, client_key="once")
    finally:
        connections.close_all()
