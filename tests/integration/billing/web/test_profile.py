"""The billing profile: whom invoices name, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from billing.models import BillingProfile
from tests.factories.billing import order_of
from tests.integration.billing.web.shelf import a_product

PAGE = "/billing/profile/"


def said(**changes: str) -> dict[str, str]:
    return {
        "legal_name": "Northwind GmbH",
        "address": "Weg 1\n10115 Berlin",
        "country": "DE",
        "vat_id": "DE 136695976",
        "currency": "EUR",
        **changes,
    }


def test_it_starts_with_what_sign_up_knew(alice: Any) -> None:
    page = alice.get(PAGE).content.decode()

    assert 'value="Northwind"' in page
    assert '<option value="DE" selected>Germany</option>' in page


def test_it_is_saved_with_the_vat_number_in_its_official_form(alice: Any) -> None:
    answer = alice.post(PAGE, said())

    profile = BillingProfile.objects.get()
    assert answer["Location"] == PAGE
    assert (profile.legal_name, profile.vat_id) == ("Northwind GmbH", "DE136695976")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vat_id", "DE123456789"),
        ("vat_id", "PL5260250274"),
        ("vat_id", "' OR 1=1"),
        ("vat_id", "\x00"),
        ("country", ""),
        ("country", "ZZ"),
        ("country", "de"),
        ("legal_name", ""),
        ("legal_name", "x" * 201),
        ("legal_name", "a\x00b"),
        ("currency", "XXX"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(alice: Any, field: str, value: str) -> None:
    page = alice.post(PAGE, said(**{field: value}))

    assert page.status_code == 422
    assert f'id="id_{field}_error"' in page.content.decode()
    assert not BillingProfile.objects.filter(legal_name="Northwind GmbH").exists()


def test_the_currency_can_be_chosen_until_something_is_ordered(alice: Any, people: Any) -> None:
    a_product().prices.create(interval="monthly", currency="USD", unit_amount_minor=5500)

    alice.post(PAGE, said(currency="USD"))
    assert BillingProfile.objects.get().currency == "USD"
    alice.post(PAGE, said(currency="EUR"))
    order_of(people.organization)
    alice.post(PAGE, said(currency="USD"))

    assert BillingProfile.objects.get().currency == "EUR"
    assert "Fixed since your first order" in alice.get(PAGE).content.decode()


def test_saving_leads_back_to_where_one_came_from_but_never_away(alice: Any) -> None:
    back = alice.post(PAGE, said(next="/catalog/relay-team/"))
    away = alice.post(PAGE, said(next="https://evil.example/"))

    assert back["Location"] == "/catalog/relay-team/"
    assert away["Location"] == PAGE


def test_a_member_may_look_and_is_told_who_may_change(bob: Any, people: Any) -> None:
    page = bob.get(PAGE).content.decode()

    assert "Alice can change this" in page
    assert "legal_name" not in page
    assert bob.post(PAGE, said()).status_code == 403


def test_a_stranger_changes_their_own_and_nobody_must_log_in(
    charlie: Any, nobody: Any, people: Any
) -> None:
    charlie.post(PAGE, said(country="FR", vat_id=""))

    assert BillingProfile.objects.get().organization_id == people.other.pk
    assert nobody.get(PAGE)["Location"].startswith("/login/")
