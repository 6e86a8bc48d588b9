"""One box finds everything an organization has, and nothing of another."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.timezone import now

from config.kit import context
from licensing.models import License
from tests.conftest import People, WalledClient
from tests.factories.backoffice import device, purchase
from tests.factories.billing import PriceFactory


@pytest.fixture
def license(people: People) -> License:
    price = PriceFactory(product__name="Relay Team")
    found = purchase(people.organization, people.alice, price, now())
    with context.acting(organization_id=people.organization.pk):
        device(found, 1, now())
        return License.objects.get(pk=found.pk)


def test_words_find_things_of_every_kind(alice: WalledClient, license: License) -> None:
    text = alice.get("/search/", {"q": "relay"}).content.decode()
    for label in ("Licenses", "Orders", "Subscriptions"):
        assert f">{label}<" in text
    assert license.masked_key in text


def test_an_id_leads_straight_to_its_page(alice: WalledClient, license: License) -> None:
    answer = alice.get("/search/", {"q": f" {license.pk} "})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/licenses/{license.pk}/")


def test_a_single_hit_is_opened(alice: WalledClient, people: People, license: License) -> None:
    answer = alice.get("/search/", {"q": "bob@example.com"})
    assert answer.headers["Location"] == "/team/?q=bob%40example.com"


def test_whoever_is_still_typing_stays_on_the_page_until_an_id_is_whole(
    alice: WalledClient, license: License
) -> None:
    typing = {"HX-Request": "true"}
    answer = alice.get("/search/", {"q": "bob@example.com"}, headers=typing)
    assert answer.status_code == 200
    assert "bob@example.com" in answer.content.decode()
    answer = alice.get("/search/", {"q": str(license.pk)}, headers=typing)
    assert answer.headers["HX-Redirect"] == f"/licenses/{license.pk}/"


def test_a_stranger_finds_nothing_of_it(charlie: WalledClient, license: License) -> None:
    for text in ("relay", str(license.pk), license.display_key):
        answer = charlie.get("/search/", {"q": text})
        assert answer.status_code == 200
        assert license.masked_key not in answer.content.decode()


@pytest.mark.parametrize("text", ["", "a", "%", "\x00", "x" * 5000, "' OR 1=1 --", "[]{}\\"])
def test_any_text_is_answered(alice: WalledClient, license: License, text: str) -> None:
    assert alice.get("/search/", {"q": text}).status_code in (200, 302)


def test_nobody_is_sent_to_the_door(nobody: WalledClient) -> None:
    assert nobody.get("/search/").status_code == 302


def test_a_search_costs_one_query_a_kind(
    alice: WalledClient, license: License, django_assert_max_num_queries: Any
) -> None:
    alice.get("/search/", {"q": "relay"})
    with django_assert_max_num_queries(18):
        alice.get("/search/", {"q": "relay"})
