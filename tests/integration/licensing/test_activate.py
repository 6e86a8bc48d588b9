"""Activate and deactivate: one seat a device, refusals with a code, tokens that die."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import AuditLog
from licensing.models import DeviceLink, License
from licensing.rules.keys import make_key
from licensing.services.devices import token_hash_of
from tests.conftest import People
from tests.factories.licensing import device_of, license_of
from tests.integration.licensing.conftest import Commit, Program


@pytest.fixture
def license(people: People, commit: Commit) -> License:
    return commit(license_of, people.organization, max_devices=2)


def test_a_new_device_gets_a_seat_and_a_token(program: Program, license: License) -> None:
    response = program.activate(license.key, "edge-1", platform="linux", app_version="2.1")
    assert response.status_code == 201
    document = response.json()
    link = DeviceLink.objects.get(device_id="edge-1")
    assert document["device"]["id"] == str(link.pk)
    assert document["license"]["active_devices"] == 1
    assert document["heartbeat_path"] == f"/api/v1/devices/{link.pk}/heartbeat"
    assert document["token"].startswith("sydt_")
    assert link.token_hash == token_hash_of(document["token"])
    assert (link.name, link.platform, link.app_version) == ("Desk edge-1", "linux", "2.1")
    assert link.ip == "127.0.0.1"
    assert link.organization_id == license.organization_id


def test_the_same_device_again_keeps_its_seat_and_its_old_token_dies(
    program: Program, license: License
) -> None:
    first = program.activate(license.key, "edge-1").json()
    again = program.activate(license.key, "edge-1", device_name="Renamed")
    assert again.status_code == 200
    second = again.json()
    assert second["device"]["id"] == first["device"]["id"]
    assert second["device"]["activated_at"] == first["device"]["activated_at"]
    assert second["device"]["name"] == "Renamed"
    assert DeviceLink.objects.count() == 1
    link = first["device"]["id"]
    assert program.beat(link, first["token"]).status_code == 401
    assert program.beat(link, second["token"]).status_code == 200


def test_a_full_license_refuses_with_its_numbers_and_names_no_device(
    program: Program, license: License
) -> None:
    for device_id in ("edge-1", "edge-2"):
        assert program.activate(license.key, device_id).status_code == 201
    refused = program.activate(license.key, "edge-3")
    assert refused.status_code == 409
    document = refused.json()
    assert document["code"] == "too_many_devices"
    assert document["data"] == {"limit": 2, "active": 2}
    assert "edge-1" not in refused.content.decode()
    assert program.activate(license.key, "edge-1").status_code == 200
    assert DeviceLink.objects.count() == 2


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"status": "suspended", "suspended_reason": "operator"}, "suspended"),
        ({"status": "suspended", "suspended_reason": "payment_overdue"}, "payment_overdue"),
        ({"status": "revoked"}, "revoked"),
        ({"status": "expired"}, "expired"),
        ({"expires_at": now() - timedelta(seconds=1)}, "expired"),
        ({"starts_at": now() + timedelta(hours=1)}, "not_started"),
    ],
)
def test_an_unusable_license_refuses_with_its_code(
    program: Program, license: License, facts: dict[str, Any], code: str
) -> None:
    License.objects.filter(pk=license.pk).update(**facts)
    refused = program.activate(license.key, "edge-1")
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert not DeviceLink.objects.exists()


def test_an_unknown_key_is_named_as_the_fault(program: Program) -> None:
    for key in (make_key(), "SWY-nonsense"):
        refused = program.activate(key, "edge-1")
        assert refused.status_code == 422
        assert refused.json()["code"] == "license_not_found"
        assert refused.json()["errors"][0]["pointer"] == "/license_key"


def test_a_device_that_leaves_frees_its_seat_at_once(program: Program, license: License) -> None:
    first = program.activate(license.key, "edge-1").json()
    program.activate(license.key, "edge-2")
    assert program.activate(license.key, "edge-3").status_code == 409
    assert program.deactivate(first["token"]).status_code == 204
    assert program.activate(license.key, "edge-3").status_code == 201
    assert program.beat(first["device"]["id"], first["token"]).status_code == 409


def test_leaving_twice_is_answered_alike(program: Program, license: License) -> None:
    token = program.activate(license.key, "edge-1").json()["token"]
    assert program.deactivate(token).status_code == 204
    left = DeviceLink.objects.get().deactivated_at
    assert program.deactivate(token).status_code == 204
    assert DeviceLink.objects.get().deactivated_at == left


def test_a_device_comes_back_on_the_same_row(program: Program, license: License) -> None:
    first = program.activate(license.key, "edge-1").json()
    program.deactivate(first["token"])
    back = program.activate(license.key, "edge-1")
    assert back.status_code == 201
    assert back.json()["device"]["id"] == first["device"]["id"]
    assert program.deactivate(first["token"]).status_code == 401
    assert DeviceLink.objects.get().is_active


@pytest.mark.parametrize("token", ["", "sydt_wrong", "sydt_" + "x" * 500, "sk_live_1"])
def test_only_a_devices_own_token_lets_it_leave(
    program: Program, license: License, token: str
) -> None:
    program.activate(license.key, "edge-1")
    refused = program.deactivate(token)
    assert (refused.status_code, refused.json()["code"]) == (401, "device_token_invalid")
    assert DeviceLink.objects.get().is_active


def test_the_same_device_id_on_another_customers_license_is_another_device(
    program: Program, license: License, people: People, commit: Commit
) -> None:
    other = commit(license_of, people.other)
    ours = program.activate(license.key, "edge-1").json()
    theirs = program.activate(other.key, "edge-1").json()
    assert ours["device"]["id"] != theirs["device"]["id"]
    assert program.beat(ours["device"]["id"], theirs["token"]).status_code == 401
    link = DeviceLink.objects.get(pk=theirs["device"]["id"])
    assert link.organization_id == people.other.pk


def test_what_devices_do_is_on_the_trail_without_their_secrets(
    program: Program, license: License
) -> None:
    activated = program.activate(license.key, "edge-1").json()
    program.deactivate(activated["token"])
    entries = AuditLog.objects.filter(entity_id=activated["device"]["id"]).order_by("id")
    assert [entry.action for entry in entries] == ["insert", "update"]
    assert {entry.actor_kind for entry in entries} == {"device"}
    assert entries[0].organization_id == license.organization_id
    assert entries[0].new_values["token_hash"] == "***"
    assert "$pii" in entries[0].new_values["name"]


def test_the_cost_of_activating_is_pinned(program: Program, license: License, queries: Any) -> None:
    with queries() as first:
        program.activate(license.key, "edge-1")
    with queries() as again:
        program.activate(license.key, "edge-1")
    # Look-up, license, savepoint, lock, count, device, insert, who is to be told (at first), release; then publishing's two.
    assert len(first.statements()) == 11
    assert len(again.statements()) == 10


def test_a_limit_below_what_is_active_throws_nobody_out(
    program: Program, license: License, commit: Commit
) -> None:
    tokens = [commit(device_of, license, f"edge-{n}") for n in (1, 2)]
    License.objects.filter(pk=license.pk).update(max_devices=1)
    assert program.activate(license.key, "edge-1").status_code == 200
    refused = program.activate(license.key, "edge-3")
    assert refused.json()["data"] == {"limit": 1, "active": 2}
    assert program.beat(tokens[1].device.pk, tokens[1].token).json()["code"] == "OVER_LIMIT"
