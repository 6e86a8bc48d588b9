"""How often a device may ask: per device and endpoint, and how often an address may guess."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.utils.timezone import now

from config.kit.ids import uuid7
from licensing.gateways import cache
from licensing.models import DeviceLink, License
from licensing.rules import limits
from licensing.rules.keys import make_key
from licensing.rules.validity import Code
from licensing.services.devices import TOKEN_PREFIX, token_hash_of
from licensing.services.validation import record_heartbeat, validate
from tests.conftest import People
from tests.factories.licensing import AT, device_of, license_of
from tests.integration.licensing.conftest import Commit, Program


@pytest.fixture
def license(people: People, commit: Commit) -> License:
    return commit(license_of, people.organization, max_devices=500)


def assert_limited(response: Any, limit: int) -> None:
    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["RateLimit-Limit"] == str(limit)
    assert response["RateLimit-Remaining"] == "0"
    assert 1 <= int(response["RateLimit-Reset"]) <= 60


def test_a_device_that_asks_too_often_is_told_when_to_come_back(
    program: Program, license: License, redis_client: Any
) -> None:
    limit = limits.PER_DEVICE["validate"]
    answers = [program.validate(license.key, device_id="edge-1") for _ in range(limit)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0]["RateLimit-Limit"] == str(limit)
    assert answers[0]["RateLimit-Remaining"] == str(limit - 1)
    assert_limited(program.validate(license.key, device_id="edge-1"), limit)
    assert program.validate(license.key, device_id="edge-2").status_code == 200
    redis_client.delete(*redis_client.keys("ratelimit:*"))
    assert program.validate(license.key, device_id="edge-1").status_code == 200


def test_heartbeats_are_limited_per_device(
    program: Program, license: License, commit: Commit
) -> None:
    one, other = commit(device_of, license), commit(device_of, license)
    limit = limits.PER_DEVICE["heartbeat"]
    for _ in range(limit):
        assert program.beat(one.device.pk, one.token).status_code == 200
    assert_limited(program.beat(one.device.pk, one.token), limit)
    assert program.beat(other.device.pk, other.token).status_code == 200


def test_activating_is_limited_per_device(program: Program, license: License) -> None:
    limit = limits.PER_DEVICE["activate"]
    for _ in range(limit):
        assert program.activate(license.key, "edge-1").status_code in (200, 201)
    assert_limited(program.activate(license.key, "edge-1"), limit)
    assert program.activate(license.key, "edge-2").status_code == 201


def test_nobody_can_spend_another_devices_allowance(
    program: Program, license: License, commit: Commit
) -> None:
    """Neither with its id and a key of one's own, nor with its address and a wrong token."""
    device = commit(device_of, license, "edge-1")
    stranger = replace(program, ip="192.0.2.9")
    for _ in range(limits.PER_DEVICE["validate"] + 5):
        stranger.validate(make_key(), device_id="edge-1")
        stranger.beat(device.device.pk, "sydt_guess")
    assert program.validate(license.key, device_id="edge-1").status_code == 200
    assert program.beat(device.device.pk, device.token).status_code == 200


def test_an_address_that_guesses_is_throttled_and_its_honest_neighbours_are_not(
    program: Program, license: License
) -> None:
    limit = limits.WRONG_SECRETS_PER_ADDRESS
    for attempt in range(limit):
        key = make_key() if attempt % 2 else "SWY-mistyped"
        assert program.validate(key).json()["code"] == "NOT_FOUND"
    assert_limited(program.validate(make_key()), limit)
    assert_limited(program.activate(make_key(), "edge-1"), limit)
    assert program.validate(license.key).json()["code"] == "VALID"
    assert replace(program, ip="192.0.2.9").validate(make_key()).status_code == 200


def test_two_hundred_devices_behind_one_address_meet_no_limit(license: License) -> None:
    """One minute of an office: each device validates once and beats three times."""
    tokens = {uuid7(): f"{TOKEN_PREFIX}{number}" for number in range(200)}
    DeviceLink.objects.bulk_create(
        DeviceLink(
            id=pk,
            license=license,
            organization_id=license.organization_id,
            device_id=token,
            name=token,
            token_hash=token_hash_of(token),
            activated_at=AT,
        )
        for pk, token in tokens.items()
    )
    office = {"ip": "192.0.2.1", "at": now()}
    for pk, token in tokens.items():
        answer = validate(license.key, device_id=token, product=None, **office)
        assert answer.code is Code.VALID
        for _ in range(3):
            assert record_heartbeat(pk, token, **office).code is Code.VALID


def test_a_limit_is_exact_when_a_hundred_ask_at_once(redis_client: Any) -> None:
    with ThreadPoolExecutor(20) as pool:
        counted = list(pool.map(lambda _: cache.count("who", "where", limit=60), range(100)))
    assert sum(allowance.used <= allowance.limit for allowance in counted) == 60
    assert 0 < redis_client.ttl("ratelimit:who:where") <= 60


def test_a_counter_without_an_end_gets_one(redis_client: Any) -> None:
    redis_client.set("ratelimit:who:where", 7)
    assert cache.count("who", "where", limit=60).used == 8
    assert 0 < redis_client.ttl("ratelimit:who:where") <= 60
