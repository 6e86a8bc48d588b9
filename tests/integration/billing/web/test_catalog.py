"""The catalogue and the product page: prices, VAT, ordering, and who may."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from billing.models import Order, PaymentAttempt, Price, Product
from billing.services.currencies import choose_currency
from billing.services.customers import describe_customer, profile_of
from billing.web.forms import ProfileForm
from tests.integration.billing.web.shelf import a_product


@pytest.fixture
def product(people: Any) -> Product:
    return a_product()


def page_of(product: Product) -> str:
    return f"/catalog/{product.slug}/"


def wish(product: Product, **changes: Any) -> dict[str, Any]:
    price = product.prices.get(interval="monthly", currency="EUR")
    return {"price": str(price.pk), "quantity": "2", "key": str(uuid4()), **changes}


def test_the_catalogue_shows_what_is_on_sale_at_monthly_prices(
    alice: Any, product: Product
) -> None:
    page = alice.get("/catalog/").content.decode()

    assert "Relay Team" in page
    assert "€49.00" in page
    assert "a month, or €490.00 a year" in page
    assert "25 devices" in page
    assert "Cloud servers" not in page


def test_yearly_prices_say_what_they_save(alice: Any, product: Product) -> None:
    page = alice.get("/catalog/?interval=yearly").content.decode()

    assert "€490.00" in page
    assert "Save 16%" in page


def test_what_is_not_on_sale_is_not_shown(alice: Any, product: Product) -> None:
    Product.objects.update(is_active=False)

    assert "Nothing is on sale" in alice.get("/catalog/").content.decode()
    assert alice.get(page_of(product)).status_code == 404


def test_prices_of_another_currency_are_not_shown(
    alice: Any, people: Any, product: Product
) -> None:
    Price.objects.create(
        product=product, interval="monthly", currency="USD", unit_amount_minor=5500
    )
    choose_currency(people.organization, "USD")

    page = alice.get("/catalog/").content.decode()

    assert "$55.00" in page
    assert "€" not in page


def test_the_total_is_with_the_vat_of_the_customers_country(alice: Any, product: Product) -> None:
    page = alice.get(page_of(product), {"price": wish(product)["price"], "quantity": "3"})

    assert "€147.00" in page.content.decode()
    assert "€174.93" in page.content.decode()


def test_a_company_of_another_country_pays_by_reverse_charge(
    alice: Any, people: Any, product: Product
) -> None:
    describe_customer(
        people.organization, legal_name="N", address="", country="PL", vat_id="PL5260250274"
    )

    page = alice.get(page_of(product)).content.decode()

    assert "Reverse charge" in page
    assert "<strong>€49.00</strong>" in page


def test_without_a_country_there_is_no_total_but_a_way_to_add_it(
    alice: Any, people: Any, product: Product
) -> None:
    people.organization.country = ""
    people.organization.save(update_fields=["country"])

    page = alice.get(page_of(product)).content.decode()
    refused = alice.post(page_of(product), wish(product))

    assert f"/billing/profile/?next={page_of(product)}" in page
    assert refused.status_code == 422
    assert "Add the country" in refused.content.decode()
    assert not Order.objects.exists()


def test_an_order_leads_to_its_review(alice: Any, product: Product) -> None:
    answer = alice.post(page_of(product), wish(product))

    order = Order.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/checkout/{order.pk}/"
    assert order.total_minor == 9800
    assert PaymentAttempt.objects.get().amount_minor == 11662


def test_a_double_submit_is_one_order(alice: Any, product: Product) -> None:
    said = wish(product)

    first, second = alice.post(page_of(product), said), alice.post(page_of(product), said)

    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


def test_without_javascript_the_total_is_updated_and_nothing_ordered(
    alice: Any, product: Product
) -> None:
    page = alice.post(page_of(product), wish(product, update="1"))

    assert page.status_code == 200
    assert "€116.62" in page.content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize("quantity", ["0", "-1", "1001", "many", "", "1.5", "1\x00"])
def test_a_quantity_that_cannot_be_is_refused_at_its_field(
    alice: Any, product: Product, quantity: str
) -> None:
    page = alice.post(page_of(product), wish(product, quantity=quantity))

    assert page.status_code == 422
    assert "id_quantity_error" in page.content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize("price", ["", "x", "01900000-0000-7000-8000-000000000000", "\x00"])
def test_a_price_that_is_not_offered_is_refused(alice: Any, product: Product, price: str) -> None:
    assert alice.post(page_of(product), wish(product, price=price)).status_code == 422


def test_a_member_who_may_not_buy_sees_who_may(bob: Any, product: Product) -> None:
    page = bob.get(page_of(product)).content.decode()
    refused = bob.post(page_of(product), wish(product))

    assert "Alice can buy it" in page
    assert "Continue to payment" not in page
    assert refused.status_code == 403
    assert not Order.objects.exists()


def test_nobody_is_sent_to_the_login_page(nobody: Any, product: Product) -> None:
    for path in ("/catalog/", page_of(product)):
        answer = nobody.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")


def test_the_catalogue_asks_the_same_number_of_queries_whatever_is_on_sale(
    alice: Any, product: Product, django_assert_num_queries: Any
) -> None:
    alice.get("/catalog/")
    with django_assert_num_queries(10):
        alice.get("/catalog/")
    for number in range(5):
        a_product(f"other-{number}")
    with django_assert_num_queries(10):
        alice.get("/catalog/")


@pytest.mark.parametrize("ordered", [True, False])
def test_a_profile_that_an_order_overtakes_is_changed_whole_or_not_at_all(
    alice: Any, people: Any, product: Product, ordered: bool
) -> None:
    Price.objects.create(
        product=product, interval="monthly", currency="USD", unit_amount_minor=5500
    )
    said = {"legal_name": "Renamed", "country": "DE", "currency": "USD"}
    form = ProfileForm(profile_of(people.organization), said)
    assert form.is_valid()
    if ordered:
        price = product.prices.get(interval="monthly", currency="EUR")
        assert alice.post(page_of(product), wish(product, price=str(price.pk))).status_code == 302

    assert form.save() is not ordered

    profile = profile_of(people.organization)
    assert (profile.legal_name == "Renamed", profile.currency == "USD") == (not ordered,) * 2
