"""POST /api/v1/licenses/validate: the answer, its cost, and what the cache may not hide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from licensing.gateways import cache
from licensing.models import License
from licensing.models.look_ups import find_license
from licensing.rules.keys import make_key, read_key
from licensing.rules.transitions import SuspendedReason
from licensing.services import licenses
from licensing.services.devices import deactivate_device
from licensing.services.publishing import sweep_publications
from tests.conftest import People
from tests.factories.licensing import device_of, license_of
from tests.integration.licensing.conftest import Commit, Program


@pytest.fixture
def license(people: People, commit: Commit) -> License:
    return commit(license_of, people.organization, max_devices=2)


def code(response: Any) -> str:
    assert response.status_code == 200, response.content
    return response.json()["code"]


def test_a_good_key_is_valid_and_the_answer_names_no_person(
    commit: Commit, program: Program, license: License, people: People
) -> None:
    commit(device_of, license, "edge-1")
    response = program.validate(license.key, device_id="edge-1", nonce="n-1")
    document = response.json()
    assert document["valid"] is True
    assert document["code"] == "VALID"
    assert document["nonce"] == "n-1"
    assert document["license"] == {
        "id": str(license.pk),
        "plan": "team",
        "product": license.product.slug,
        "status": "active",
        "expires_at": None,
        "max_devices": 2,
        "active_devices": 1,
        "version": 2,
    }
    assert set(document["device"]) == {"id", "activated_at"}
    text = response.content.decode()
    assert all(word not in text for word in ("alice", "Northwind", "Desk", license.key))


def test_a_key_is_accepted_however_it_is_typed(program: Program, license: License) -> None:
    assert code(program.validate(f" {license.key.lower().replace('-', ' ')} ")) == "VALID"


def test_an_unknown_key_is_not_found(program: Program, license: License) -> None:
    document = program.validate(make_key()).json()
    assert (document["valid"], document["code"], document["license"]) == (False, "NOT_FOUND", None)


def test_a_mistyped_key_costs_no_sql(program: Program, license: License, queries: Any) -> None:
    wrong = license.key[:-1] + ("0" if license.key[-1] != "0" else "1")
    with queries() as counted:
        assert code(program.validate(wrong)) == "NOT_FOUND"
    assert counted.statements() == []


@pytest.mark.parametrize("device_id", [None, "edge-1", "stranger"])
def test_a_hit_costs_no_sql_and_a_miss_one(
    commit: Commit, program: Program, license: License, queries: Any, device_id: str | None
) -> None:
    commit(device_of, license, "edge-1")
    fields = {"device_id": device_id} if device_id else {}
    with queries() as miss:
        first = code(program.validate(license.key, **fields))
    with queries() as hit:
        assert code(program.validate(license.key, **fields)) == first
    assert len(miss.statements()) == 1
    assert hit.statements() == []


def test_a_second_device_joins_the_first_ones_facts(
    commit: Commit, program: Program, license: License, queries: Any
) -> None:
    for device_id in ("edge-1", "edge-2"):
        commit(device_of, license, device_id)
        assert code(program.validate(license.key, device_id=device_id)) == "VALID"
    program.validate(license.key, device_id="edge-1")
    with queries() as counted:
        assert code(program.validate(license.key, device_id="edge-1")) == "VALID"
        assert code(program.validate(license.key, device_id="edge-2")) == "VALID"
    assert counted.statements() == []


def test_devices_are_told_apart(commit: Commit, program: Program, license: License) -> None:
    assert code(program.validate(license.key, device_id="edge-1")) == "NO_DEVICE"
    commit(device_of, license, "edge-1")
    assert code(program.validate(license.key, device_id="edge-1")) == "VALID"
    assert code(program.validate(license.key, device_id="edge-2")) == "DEVICE_MISMATCH"
    commit(device_of, license, "edge-2")
    assert code(program.validate(license.key, device_id="edge-3")) == "TOO_MANY_DEVICES"
    commit(licenses.change_limit, license, max_devices=1)
    document = program.validate(license.key, device_id="edge-1").json()
    assert (document["code"], document["valid"]) == ("OVER_LIMIT", True)


def test_another_product_is_a_mismatch(program: Program, license: License) -> None:
    assert code(program.validate(license.key, product="something-else")) == "PRODUCT_MISMATCH"
    assert code(program.validate(license.key, product=license.product.slug)) == "VALID"


def test_every_change_is_seen_by_the_very_next_question(
    commit: Commit, program: Program, license: License
) -> None:
    link = commit(device_of, license, "edge-1").device

    def ask() -> str:
        return code(program.validate(license.key, device_id="edge-1"))

    assert ask() == "VALID"
    commit(licenses.suspend_license, license, reason=SuspendedReason.OPERATOR)
    assert ask() == "SUSPENDED"
    commit(licenses.suspend_license, license, reason=SuspendedReason.PAYMENT_OVERDUE)
    assert ask() == "PAYMENT_OVERDUE"
    commit(licenses.reinstate_license, license)
    assert ask() == "VALID"
    commit(deactivate_device, link, at=now())
    assert ask() == "NO_DEVICE"
    commit(licenses.revoke_license, license)
    assert ask() == "REVOKED"


def test_a_license_expires_in_the_very_second_under_a_warm_cache(
    program: Program, license: License, queries: Any
) -> None:
    ends = (now() + timedelta(hours=2)).replace(microsecond=0)
    License.objects.filter(pk=license.pk).update(expires_at=ends)
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert code(program.validate(license.key)) == "VALID"
    with time_machine.travel(ends, tick=False), queries() as counted:
        document = program.validate(license.key).json()
    assert (document["code"], document["license"]["status"]) == ("EXPIRED", "expired")
    assert counted.statements() == []


def test_facts_never_outlive_the_license(
    program: Program, license: License, redis_client: Any
) -> None:
    License.objects.filter(pk=license.pk).update(expires_at=now() + timedelta(seconds=90))
    program.validate(license.key)
    [key] = redis_client.keys("license:" + "?" * 64)
    assert 0 < redis_client.pttl(key) <= 90_000
    redis_client.flushdb()
    License.objects.filter(pk=license.pk).update(expires_at=None)
    program.validate(license.key)
    assert 3_500_000 < redis_client.pttl(key) <= 3_600_000


def test_no_verdict_is_stored(program: Program, license: License, redis_client: Any) -> None:
    program.validate(license.key)
    [key] = redis_client.keys("license:" + "?" * 64)
    stored = b"".join(redis_client.hvals(key)).lower()
    assert b"valid" not in stored
    assert license.key.encode() not in stored


def test_a_slow_reader_cannot_store_what_was_true_before(
    commit: Commit, program: Program, license: License, redis_client: Any
) -> None:
    """The reader has read, the license is suspended, then the reader stores what it read."""
    key_hash = licenses.hash_of(read_key(license.key) or "")
    slow = find_license(key_hash, None)
    assert slow is not None
    commit(licenses.suspend_license, license, reason=SuspendedReason.OPERATOR)
    assert not cache.store_license(key_hash, None, slow.snapshot, None, now=now())
    assert code(program.validate(license.key)) == "SUSPENDED"
    assert not cache.store_license(key_hash, None, slow.snapshot, None, now=now())
    assert code(program.validate(license.key)) == "SUSPENDED"


def test_facts_from_before_are_not_served_even_when_they_are_still_there(
    commit: Commit, program: Program, license: License, redis_client: Any
) -> None:
    program.validate(license.key)
    [key] = redis_client.keys("license:" + "?" * 64)
    before = redis_client.dump(key)
    commit(licenses.suspend_license, license, reason=SuspendedReason.OPERATOR)
    redis_client.restore(key, 3_600_000, before, replace=True)
    assert code(program.validate(license.key)) == "SUSPENDED"


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"null", b"[]", b'{"version": 1}', b"\xff\xfe", b'"VALID"']
)
def test_a_corrupt_value_is_a_miss_and_heals(
    program: Program, license: License, redis_client: Any, garbage: bytes
) -> None:
    program.validate(license.key)
    [key] = redis_client.keys("license:" + "?" * 64)
    redis_client.hset(key, "facts", garbage)
    assert code(program.validate(license.key)) == "VALID"
    assert redis_client.hget(key, "facts") != garbage


def test_a_value_of_another_type_is_a_miss_and_heals(
    program: Program, license: License, redis_client: Any, queries: Any
) -> None:
    program.validate(license.key)
    [key] = redis_client.keys("license:" + "?" * 64)
    redis_client.set(key, "nonsense")
    for _ in range(2):
        assert code(program.validate(license.key)) == "VALID"
    with queries() as counted:
        program.validate(license.key)
    assert counted.statements() == []


def test_a_change_that_no_one_published_is_published_by_the_sweeper(
    program: Program, license: License
) -> None:
    assert code(program.validate(license.key)) == "VALID"
    License.objects.filter(pk=license.pk).update(status="suspended", suspended_reason="operator")
    assert code(program.validate(license.key)) == "VALID"
    assert sweep_publications() == 1
    assert code(program.validate(license.key)) == "SUSPENDED"
    assert sweep_publications() == 0
