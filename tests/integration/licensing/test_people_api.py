"""Licenses and devices over the API, for the people of an organization."""

from __future__ import annotations

from typing import Any

import pytest

from licensing.models import DeviceLink, License
from tests.conftest import People, WalledClient
from tests.factories.licensing import device_of, license_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def license(people: People) -> License:
    return license_of(people.organization, max_devices=3)


def test_a_member_lists_the_licenses_of_the_organization_only(
    bob: WalledClient, people: People, license: License
) -> None:
    license_of(people.other)
    document = bob.get("/api/v1/licenses").json()
    [row] = document["results"]
    assert row["id"] == str(license.pk)
    assert row["display_key"] == license.display_key
    assert "key" not in row
    assert (row["active_devices"], row["max_devices"], row["status"]) == (0, 3, "active")


def test_pages_follow_a_cursor(alice: WalledClient, people: People) -> None:
    wanted = {str(license_of(people.organization).pk) for _ in range(5)}
    found: list[str] = []
    url = "/api/v1/licenses?limit=2"
    while url:
        document = alice.get(url).json()
        found += [row["id"] for row in document["results"]]
        url = document["next"]
    assert len(found) == 5
    assert set(found) == wanted


def test_a_license_and_its_devices_are_shown(alice: WalledClient, license: License) -> None:
    device_of(license, "edge-1", platform="linux")
    assert alice.get(f"/api/v1/licenses/{license.pk}").json()["active_devices"] == 1
    [row] = alice.get(f"/api/v1/licenses/{license.pk}/devices").json()["results"]
    assert (row["device_id"], row["platform"], row["online"]) == ("edge-1", "linux", False)
    assert not {"token", "token_hash"} & set(row)


@pytest.mark.parametrize("person", ["alice", "bob"])
def test_a_member_deactivates_a_device_twice_with_one_answer(
    request: pytest.FixtureRequest, license: License, person: str
) -> None:
    client: WalledClient = request.getfixturevalue(person)
    device = device_of(license).device
    url = f"/api/v1/licenses/{license.pk}/devices/{device.pk}/deactivate"
    assert [client.post(url).status_code for _ in range(2)] == [204, 204]
    assert not DeviceLink.objects.get().is_active


def test_a_reader_may_look_and_not_touch(people: People, license: License) -> None:
    people.organization.memberships.filter(user=people.bob).update(role="readonly")
    bob = people.client(people.bob)
    device = device_of(license).device
    assert bob.get(f"/api/v1/licenses/{license.pk}").status_code == 200
    refused = bob.post(f"/api/v1/licenses/{license.pk}/devices/{device.pk}/deactivate")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_what_is_anothers_is_not_there(
    charlie: WalledClient, nobody: WalledClient, license: License
) -> None:
    device = device_of(license).device
    base = f"/api/v1/licenses/{license.pk}"
    for method, url in [
        ("get", base),
        ("get", f"{base}/devices"),
        ("post", f"{base}/devices/{device.pk}/deactivate"),
    ]:
        assert getattr(charlie, method)(url).status_code == 404
        assert getattr(nobody, method)(url).status_code == 401
    assert DeviceLink.objects.get().is_active


def test_an_unknown_device_is_not_there(
    alice: WalledClient, people: People, license: License
) -> None:
    foreign = device_of(license_of(people.organization)).device
    url = f"/api/v1/licenses/{license.pk}/devices/{foreign.pk}/deactivate"
    assert alice.post(url).json()["code"] == "not_found"


@pytest.mark.parametrize("query", ["cursor=nonsense", "limit=0", "limit=x", "limit=9999"])
def test_a_bad_page_is_named(alice: WalledClient, license: License, query: str) -> None:
    assert alice.get(f"/api/v1/licenses?{query}").status_code == 422


def test_lists_cost_the_same_however_long(
    alice: WalledClient, people: People, django_assert_max_num_queries: Any
) -> None:
    license = license_of(people.organization, max_devices=30)
    for _ in range(10):
        device_of(license)
        license_of(people.organization)
    with django_assert_max_num_queries(8):
        alice.get("/api/v1/licenses")
    with django_assert_max_num_queries(9):
        alice.get(f"/api/v1/licenses/{license.pk}/devices")
