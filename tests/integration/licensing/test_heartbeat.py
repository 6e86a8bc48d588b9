"""POST /api/v1/devices/{id}/heartbeat: presence, verdicts, and sightings written in batches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from licensing.models import DeviceLink, License
from licensing.rules.transitions import SuspendedReason
from licensing.services import licenses
from licensing.services.devices import Activation, deactivate_device
from licensing.services.presence import device_states, online_devices
from licensing.services.sightings import flush_sightings
from licensing.services.validation import record_heartbeat, validate
from tests.conftest import People
from tests.factories.licensing import device_of, license_of
from tests.integration.licensing.conftest import LINK, Commit, Program

START = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def license(people: People, commit: Commit) -> License:
    return commit(license_of, people.organization, max_devices=3)


@pytest.fixture
def device(license: License, commit: Commit) -> Activation:
    return commit(device_of, license, "edge-1")


def seen(device: Activation) -> datetime | None:
    return DeviceLink.objects.values_list("last_seen_at", flat=True).get(pk=device.device.pk)


def beat_at(device: Activation, at: datetime) -> None:
    record_heartbeat(device.device.pk, device.token, ip=None, at=at)


def test_a_beat_makes_the_device_online_for_a_minute(
    program: Program, device: Activation, redis_client: Any
) -> None:
    pk = device.device.pk
    assert online_devices([pk]) == set()
    response = program.beat(pk, device.token)
    assert response.status_code == 200
    document = response.json()
    assert (document["valid"], document["code"]) == (True, "VALID")
    assert 25 <= document["next_in"] <= 30
    assert document["license"]["version"] == 2
    assert online_devices([pk]) == {pk}
    assert 59 <= redis_client.ttl(f"device:{pk}:online") <= 60


def test_a_warm_beat_costs_no_sql(program: Program, device: Activation, queries: Any) -> None:
    with queries() as cold:
        program.beat(device.device.pk, device.token)
    with queries() as warm:
        program.beat(device.device.pk, device.token)
    assert len(cold.statements()) == 1
    assert warm.statements() == []


def test_a_device_is_told_what_became_of_its_license(
    program: Program, license: License, device: Activation, commit: Commit
) -> None:
    def ask() -> Any:
        return program.beat(device.device.pk, device.token).json()["code"]

    assert ask() == "VALID"
    commit(licenses.suspend_license, license, reason=SuspendedReason.OPERATOR)
    assert ask() == "SUSPENDED"
    commit(licenses.reinstate_license, license)
    assert ask() == "VALID"


def test_a_deactivated_device_is_refused_and_offline_at_once(
    program: Program, device: Activation, commit: Commit
) -> None:
    pk = device.device.pk
    program.beat(pk, device.token)
    commit(deactivate_device, device.device, at=now())
    assert online_devices([pk]) == set()
    refused = program.beat(pk, device.token)
    assert (refused.status_code, refused.json()["code"]) == (409, "device_not_active")
    assert online_devices([pk]) == set()


@pytest.mark.parametrize("warm", [True, False])
def test_a_wrong_or_foreign_token_is_refused(
    program: Program, license: License, device: Activation, commit: Commit, warm: bool
) -> None:
    other = commit(device_of, license, "edge-2")
    if warm:
        program.beat(device.device.pk, device.token)
    for token in ("", "sydt_wrong", other.token, device.token + "x"):
        refused = program.beat(device.device.pk, token)
        assert (refused.status_code, refused.json()["code"]) == (401, "device_token_invalid")
        assert refused["WWW-Authenticate"].startswith("Bearer")
    assert program.beat(LINK, device.token).status_code == 401


def test_a_corrupt_value_is_a_miss(program: Program, device: Activation, redis_client: Any) -> None:
    pk = device.device.pk
    program.beat(pk, device.token)
    redis_client.hset(f"device:{pk}:license", "facts", b"{")
    assert program.beat(pk, device.token).status_code == 200
    redis_client.set(f"device:{pk}:license", "nonsense")
    assert program.beat(pk, device.token).status_code == 200
    assert program.beat(pk, device.token).status_code == 200
    assert redis_client.type(f"device:{pk}:license") == b"hash"


def test_a_sighting_reaches_the_database_with_the_next_flush(device: Activation) -> None:
    beat_at(device, START)
    beat_at(device, START + timedelta(seconds=5))
    assert seen(device) is None
    flush_sightings(at=START + timedelta(seconds=10))
    assert seen(device) == START + timedelta(seconds=5)


def test_one_device_is_written_once_a_minute_and_the_last_sighting_is_not_lost(
    device: Activation,
) -> None:
    writes = []
    for second in range(0, 300, 5):
        at = START + timedelta(seconds=second)
        if second % 25 == 0 and second <= 100:
            beat_at(device, at)
        if second % 15 == 0:
            before = seen(device)
            flush_sightings(at=at)
            if seen(device) != before:
                writes.append(second)
    assert seen(device) == START + timedelta(seconds=100)
    assert all(later - earlier >= 60 for earlier, later in pairwise(writes))


def test_last_seen_never_moves_backwards(device: Activation) -> None:
    later = START + timedelta(hours=1)
    DeviceLink.objects.filter(pk=device.device.pk).update(last_seen_at=later)
    beat_at(device, START)
    flush_sightings(at=START + timedelta(seconds=10))
    assert seen(device) == later


def test_a_late_beat_does_not_undo_a_newer_one(device: Activation, redis_client: Any) -> None:
    beat_at(device, START + timedelta(seconds=30))
    beat_at(device, START)
    flush_sightings(at=START + timedelta(seconds=40))
    assert seen(device) == START + timedelta(seconds=30)


def test_a_flush_that_dies_before_it_confirms_is_repeated(
    device: Activation, redis_client: Any
) -> None:
    beat_at(device, START)
    kept = redis_client.dump("licensing:seen")
    flush_sightings(at=START + timedelta(seconds=10))
    redis_client.restore("licensing:seen", 0, kept, replace=True)
    redis_client.delete("licensing:seen:written")
    flush_sightings(at=START + timedelta(seconds=20))
    assert seen(device) == START
    assert redis_client.zcard("licensing:seen") == 0


def test_many_devices_are_written_by_one_statement(
    people: People, commit: Commit, queries: Any
) -> None:
    license = commit(license_of, people.organization, max_devices=40)
    devices = [commit(device_of, license) for _ in range(40)]
    for device in devices:
        beat_at(device, START)
    with queries() as counted:
        assert flush_sightings(at=START + timedelta(seconds=10)) == 40
    updates = [sql for sql in counted.statements() if "UPDATE" in sql]
    assert len(updates) == 1
    assert DeviceLink.objects.filter(last_seen_at=START).count() == 40


def test_sightings_leave_version_trail_and_caches_alone(
    license: License, device: Activation
) -> None:
    def state() -> tuple[Any, ...]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit.logs")
            entries = cursor.fetchone()
        return License.objects.values_list("version", "published_version").get(), entries

    beat_at(device, START)
    validate(license.key, device_id=None, product=None, ip=None, at=START)
    before = state()
    assert flush_sightings(at=START + timedelta(seconds=10)) == 2
    assert state() == before


def test_when_a_license_was_last_validated_is_noted_hit_or_miss(license: License) -> None:
    for minute in (0, 5):
        at = START + timedelta(minutes=minute)
        validate(license.key, device_id=None, product=None, ip=None, at=at)
        flush_sightings(at=at)
        license.refresh_from_db()
        assert license.last_validated_at == at


def test_states_are_told_apart(license: License, device: Activation, commit: Commit) -> None:
    away, gone = commit(device_of, license, "edge-2"), commit(device_of, license, "edge-3")
    commit(deactivate_device, gone.device, at=now())
    beat_at(device, now())
    states = device_states(list(license.devices.order_by("device_id")))
    assert list(states.values()) == ["online", "offline", "deactivated"]
    assert away.device.pk in states
