"""The pages about licenses, as the people of an organization see them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import AuditLog
from licensing.models import License
from licensing.services.devices import deactivate_device
from licensing.services.validation import record_heartbeat
from tests.conftest import People, WalledClient
from tests.factories.licensing import device_of, license_of

pytestmark = pytest.mark.django_db
SCRIPTED = {"HX-Request": "true"}


@pytest.fixture
def license(people: People) -> License:
    return license_of(people.organization, max_devices=2)


@pytest.fixture
def shelf(people: People) -> dict[str, License]:
    """One license in each state that the tabs know."""
    soon = now() + timedelta(days=10)
    suspended = {"status": "suspended", "suspended_reason": "operator"}
    return {
        "active": license_of(people.organization, plan="solo"),
        "expiring": license_of(people.organization, plan="soon", expires_at=soon),
        "suspended": license_of(people.organization, plan="held", **suspended),
        "other": license_of(people.other, plan="foreign"),
    }


def plans(response: Any) -> set[str]:
    return {license.plan for license in response.context["page"]}


@pytest.fixture(params=["alice", "bob"])
def member(request: pytest.FixtureRequest) -> Iterator[WalledClient]:
    return request.getfixturevalue(request.param)


def test_tabs_count_and_show_what_they_say(alice: WalledClient, shelf: Any) -> None:
    response = alice.get("/licenses/")
    counts = {tab.key: tab.count for tab in response.context["tabs"]}
    assert counts == {"": 3, "active": 2, "expiring": 1, "suspended": 1}
    assert plans(response) == {"solo", "soon", "held"}
    assert plans(alice.get("/licenses/?status=active")) == {"solo", "soon"}
    assert plans(alice.get("/licenses/?status=expiring")) == {"soon"}
    assert plans(alice.get("/licenses/?status=suspended")) == {"held"}


def test_search_finds_fragments_and_pasted_keys(alice: WalledClient, shelf: Any) -> None:
    assert plans(alice.get("/licenses/?q=OLO")) == {"solo"}
    key = shelf["expiring"].key
    assert plans(alice.get("/licenses/", {"q": key})) == {"soon"}
    empty = alice.get("/licenses/?q=nothing-like-it")
    assert "No license matches" in empty.content.decode()


@pytest.mark.parametrize(
    "query",
    ["q=%00", "q=%25", "q=-", "page=999", "page=x", "sort=--", "sort=key_hash", "size=1e9",
     "status=%27", "q=" + "x" * 3000],
)  # fmt: skip
def test_an_odd_address_is_still_a_page(alice: WalledClient, shelf: Any, query: str) -> None:
    assert alice.get(f"/licenses/?{query}").status_code == 200


def test_the_export_is_the_filtered_set(alice: WalledClient, shelf: Any) -> None:
    response = alice.get("/licenses/?status=active&export=csv&page=7")
    assert response["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert {row["Plan"] for row in rows} == {"solo", "soon"}
    assert shelf["active"].key not in response.content.decode()


def test_a_new_organization_is_told_what_a_license_is(charlie: WalledClient) -> None:
    page = charlie.get("/licenses/").content.decode()
    assert "No licenses yet" in page
    assert "/catalog/" in page


def test_the_list_takes_few_queries(
    alice: WalledClient, shelf: Any, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        alice.get("/licenses/")


def test_a_license_page_shows_seats_devices_and_history(
    member: WalledClient, license: License
) -> None:
    device_of(license, name="Edge one")
    page = member.get(f"/licenses/{license.pk}/").content.decode()
    assert license.masked_key in page
    assert license.key not in page
    assert "Edge one" in page
    assert "Edge one activated" in page
    assert "License issued" in page


def test_the_page_takes_a_fixed_number_of_queries(
    alice: WalledClient,
    people: People,
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    license = license_of(people.organization, max_devices=20)
    device_of(license)
    with django_assert_max_num_queries(12) as first:
        alice.get(f"/licenses/{license.pk}/")
    for _ in range(8):
        device_of(license)
    with django_assert_num_queries(len(first)):
        alice.get(f"/licenses/{license.pk}/")


def test_the_key_is_shown_on_request_and_that_is_recorded(
    member: WalledClient, license: License
) -> None:
    response = member.post(f"/licenses/{license.pk}/key/")
    assert license.key in response.content.decode()
    assert response["Cache-Control"] == "no-store"
    assert AuditLog.objects.filter(
        action="license.key_revealed", entity_id=str(license.pk)
    ).exists()


def test_looking_at_the_address_of_the_key_shows_nothing(
    alice: WalledClient, license: License
) -> None:
    assert alice.get(f"/licenses/{license.pk}/key/").url == f"/licenses/{license.pk}/"


def test_a_reader_sees_no_key_and_no_way_to_deactivate(
    people: People, alice: WalledClient, license: License
) -> None:
    device = device_of(license).device
    people.organization.memberships.filter(user=people.bob).update(role="readonly")
    bob = people.client(people.bob)
    page = bob.get(f"/licenses/{license.pk}/").content.decode()
    assert "Show key" not in page
    assert "/deactivate/" not in page
    assert bob.post(f"/licenses/{license.pk}/key/").status_code == 403
    assert bob.post(f"/licenses/{license.pk}/devices/{device.pk}/deactivate/").status_code == 403


def test_a_device_is_deactivated_after_a_question(member: WalledClient, license: License) -> None:
    device = device_of(license, name="Old desk").device
    url = f"/licenses/{license.pk}/devices/{device.pk}/deactivate/"
    question = member.get(url).content.decode()
    assert "Deactivate Old desk?" in question
    assert member.post(url).url == f"/licenses/{license.pk}/"
    device.refresh_from_db()
    assert not device.is_active
    assert member.post(url).status_code == 302


def test_the_state_fragment_follows_the_heartbeats(
    alice: WalledClient, license: License, redis_client: Any
) -> None:
    activation = device_of(license)
    pk = activation.device.pk
    url = f"/licenses/{license.pk}/states/?version={version_of(license)}"
    assert "Offline" in alice.get(url, headers=SCRIPTED).content.decode()
    record_heartbeat(pk, activation.token, ip=None, at=now())
    assert "Online" in alice.get(url, headers=SCRIPTED).content.decode()
    assert 0 < redis_client.ttl(f"device:{pk}:online") <= 60
    redis_client.delete(f"device:{pk}:online")
    assert "Offline" in alice.get(url, headers=SCRIPTED).content.decode()


def test_the_fragment_brings_the_table_only_when_it_changed(
    alice: WalledClient, license: License
) -> None:
    device = device_of(license).device
    url = f"/licenses/{license.pk}/states/?version="
    same = alice.get(url + str(version_of(license)), headers=SCRIPTED).content.decode()
    assert "<table" not in same
    assert f'id="state-{device.pk}" hx-swap-oob="true"' in same
    assert "<form" not in same
    assert alice.get(url).headers["Location"] == f"/licenses/{license.pk}/"
    deactivate_device(device, at=now())
    changed = alice.get(url + "1", headers=SCRIPTED).content.decode()
    assert "<table" in changed
    assert 'id="devices" hx-swap-oob="true"' in changed


@pytest.mark.parametrize("path", ["", "states/"])
def test_another_organizations_license_is_not_there(
    charlie: WalledClient, nobody: WalledClient, license: License, path: str
) -> None:
    assert charlie.get(f"/licenses/{license.pk}/{path}").status_code == 404
    assert nobody.get(f"/licenses/{license.pk}/{path}").status_code == 302


def test_a_stranger_changes_nothing(
    charlie: WalledClient, nobody: WalledClient, license: License
) -> None:
    device = device_of(license).device
    for path in ("key/", f"devices/{device.pk}/deactivate/"):
        assert charlie.post(f"/licenses/{license.pk}/{path}").status_code == 404
        assert nobody.post(f"/licenses/{license.pk}/{path}").status_code == 302
    device.refresh_from_db()
    assert device.is_active


def test_a_device_under_another_license_of_ours_is_not_there(
    alice: WalledClient, people: People, license: License
) -> None:
    device = device_of(license_of(people.organization)).device
    url = f"/licenses/{license.pk}/devices/{device.pk}/deactivate/"
    assert alice.get(url).status_code == 404


def version_of(license: License) -> int:
    return License.objects.values_list("version", flat=True).get(pk=license.pk)
