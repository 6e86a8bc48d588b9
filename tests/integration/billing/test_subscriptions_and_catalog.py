"""Subscriptions that end with their period or resume; prices that replace each other."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import Organization
from billing.models import Price, Product, Subscription
from billing.rules.orders import CountryInvalid, VatNumberInvalid
from billing.services import catalog, customers, subscriptions
from billing.services.settlement import settle
from billing.services.subscriptions import SubscriptionNotActive
from config.kit import context
from config.kit.money import Money
from tests.conftest import behind_the_wall
from tests.factories.billing import AT, PriceFactory, attempt_of, card_of, order_of, paid


@pytest.fixture
def subscription(organization: Organization) -> Subscription:
    attempt = attempt_of(order_of(organization))
    settle(attempt, paid(attempt), at=AT)
    return Subscription.objects.get()


def test_a_customer_ends_a_subscription_with_its_period_and_takes_it_back(
    subscription: Subscription,
) -> None:
    with behind_the_wall(), context.acting(organization_id=subscription.organization_id):
        for _ in range(2):
            ending = subscriptions.cancel_at_period_end(subscription, at=AT)
        assert (ending.status, ending.cancel_at_period_end, ending.auto_renew) == (
            "active", True, False,
        )  # fmt: skip
        assert ending.cancelled_at == AT
        for _ in range(2):
            again = subscriptions.resume(subscription)
        assert (again.cancel_at_period_end, again.auto_renew, again.cancelled_at) == (
            False, True, None,
        )  # fmt: skip


def test_an_ended_subscription_neither_ends_nor_resumes(subscription: Subscription) -> None:
    Subscription.objects.update(status="ended", ended_at=AT)
    with pytest.raises(SubscriptionNotActive):
        subscriptions.cancel_at_period_end(subscription, at=AT)
    with pytest.raises(SubscriptionNotActive):
        subscriptions.resume(subscription)


def test_a_running_subscription_is_seen_as_running(subscription: Subscription) -> None:
    assert list(Subscription.objects.running()) == [subscription]
    assert subscription.amount == Money(4900, "EUR")


@pytest.mark.usefixtures("db")
def test_a_product_is_published_once_and_brought_up_to_date() -> None:
    for name in ("Relay", "Relay Solo"):
        product = catalog.publish_product("relay", kind="license", sku="R-1", name=name)
    assert Product.objects.get() == product
    assert product.name == "Relay Solo"


@pytest.mark.usefixtures("db")
def test_a_new_price_replaces_the_former_which_sold_things_keep() -> None:
    product = catalog.publish_product("relay", kind="license", sku="R-1", name="Relay")
    first = catalog.set_price(product, interval="monthly", unit_amount=Money(900, "EUR"))
    assert catalog.set_price(product, interval="monthly", unit_amount=Money(900, "EUR")) == first
    second = catalog.set_price(product, interval="monthly", unit_amount=Money(1200, "EUR"))
    assert list(Price.objects.on_sale()) == [second]
    first.refresh_from_db()
    assert (first.is_active, first.unit_amount_minor) == (False, 900)


@pytest.mark.usefixtures("db")
def test_on_sale_means_active_priced_and_in_stock() -> None:
    shown = PriceFactory.create().product
    PriceFactory.create(is_active=False)
    PriceFactory.create(product__is_active=False)
    PriceFactory.create(product__stock=0)
    assert list(Product.objects.on_sale()) == [shown]


def describe(organization: Organization, country: str, vat_id: str = "") -> str:
    profile = customers.describe_customer(
        organization, legal_name="Northwind", address="Paris", country=country, vat_id=vat_id
    )
    return profile.vat_id


def test_a_vat_number_is_checked_against_the_country_and_kept_in_its_form(
    organization: Organization,
) -> None:
    assert describe(organization, "fr", "61 954 506 077") == "FR61954506077"
    assert describe(organization, "FR") == ""
    for country, number in (("FR", "FR00000000000"), ("DE", "FR61954506077"), ("US", "12")):
        with pytest.raises(VatNumberInvalid), transaction.atomic():
            describe(organization, country, number)
    for country in ("", "D", "DEU", "1!"):
        with pytest.raises(CountryInvalid), transaction.atomic():
            describe(organization, country)


def test_the_default_card_is_the_customers_choice(organization: Organization) -> None:
    customers.profile_of(organization)
    first, second = (card_of(organization, name) for name in ("pm_1", "pm_2"))
    for chosen, other in ((first, second), (second, first)):
        assert customers.choose_default_card(chosen).is_default
        other.refresh_from_db()
        assert not other.is_default


def test_cards_that_the_vendor_does_not_have_are_not_kept(organization: Organization) -> None:
    card_of(organization, "pm_1")
    assert customers.store_cards(customers.profile_of(organization), []) == []
