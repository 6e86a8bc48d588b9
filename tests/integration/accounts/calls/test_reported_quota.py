"""Reported calls move the live quota as verified ones do, and never twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils.timezone import now

from accounts.models import IdempotencyRecord
from accounts.rules.calls import Call, id_at
from accounts.services import limits
from accounts.services.calls import ingest, used_this_month
from accounts.services.calls.reporting import record_reported
from accounts.services.keys import verify
from accounts.services.limits import Allowance
from config.kit import context
from config.kit.errors import Unavailable
from config.kit.ids import uuid7
from tests.conftest import People, WalledClient, make_people
from tests.factories.keys import make_key
from tests.integration.accounts.calls.test_usage_api import call, post, program, send

__all__ = ["program"]


def used(people: People, product: str = "") -> int:
    with context.acting(organization_id=people.organization.pk):
        quotas = {each.product: each.used for each in limits.quotas_of(people.organization, now())}
    return quotas[product] or 0


def test_a_reported_call_counts_at_once_and_a_verification_sees_it(
    program: dict[str, Any], people: People
) -> None:
    send(program, *(call(program) for _ in range(3)))
    assert used(people) == 3, "before anything was flushed"
    with context.acting(organization_id=people.organization.pk):
        _, caller = make_key(people.organization, people.alice, "keys:verify")
        _, text = make_key(people.organization, people.alice)
        assert verify(caller, text, caller_ip=None, at=now()).used == 4


def test_a_call_that_is_sent_again_counts_once(program: dict[str, Any], people: People) -> None:
    mine = call(program, id=str(uuid7()))
    for _ in range(3):
        assert send(program, mine, mine).status_code == 202
    assert used(people) == 1
    ingest.drain("test", batches=5)
    assert used_this_month(people.organization.pk, "", now()) == 1, (
        "the counter and the table agree"
    )


def test_what_completes_a_verified_call_does_not_count_it_again(
    program: dict[str, Any], people: People
) -> None:
    with context.acting(organization_id=people.organization.pk):
        _, caller = make_key(people.organization, people.alice, "keys:verify")
        key, text = make_key(people.organization, people.alice)
        found = verify(caller, text, caller_ip=None, at=now(), endpoint="/v1/x", method="GET")
    told = call(program, key_id=str(key.pk), call_id=str(found.call_id), status_code=500)
    for _ in range(2):
        assert send(program, told).status_code == 202
    assert used(people) == 1
    ingest.drain("test", batches=5)
    assert used_this_month(people.organization.pk, "", now()) == 1


def test_a_call_id_that_no_verification_gave_counts_once_like_any_id(
    program: dict[str, Any], people: People
) -> None:
    made_up = call(program, call_id=str(uuid7()))
    for _ in range(2):
        assert send(program, made_up).status_code == 202
    ingest.drain("test", batches=5)
    assert used_this_month(people.organization.pk, "", now()) == 1
    assert used(people) == 1, "the counter and the table agree"


@pytest.mark.parametrize("facts", [{}, {"at": (now() - timedelta(hours=1)).isoformat()}])
def test_a_batch_sent_again_with_its_key_counts_once(
    program: dict[str, Any], people: People, facts: dict[str, str]
) -> None:
    """Its first answer was lost, with all that our database knew of the request."""
    items = [call(program, **facts) for _ in range(2)]
    headers = program["headers"] | {"Idempotency-Key": "batch-1"}
    answers = []
    for _ in range(2):
        answers.append(post(WalledClient(), items, headers=headers).json())
        IdempotencyRecord.objects.all().delete()
    assert answers[0] == answers[1]
    assert len(set(answers[0]["accepted"])) == 2
    assert used(people) == 2
    ingest.drain("test", batches=5)
    assert used_this_month(people.organization.pk, "", now()) == 2
    other = post(WalledClient(), items, headers=program["headers"] | {"Idempotency-Key": "batch-2"})
    assert not set(other.json()["accepted"]) & set(answers[0]["accepted"])


def test_a_batch_without_room_for_all_of_it_leaves_nothing(
    program: dict[str, Any], people: People, settings: Any
) -> None:
    settings.API_CALLS_STREAM_MOST = 2
    assert send(program, *(call(program) for _ in range(3))).status_code == 503
    assert used(people) == 0
    settings.API_CALLS_STREAM_MOST = 1000
    ingest.drain("test", batches=5)
    assert used_this_month(people.organization.pk, "", now()) == 0


def test_a_product_bought_by_itself_counts_by_itself(
    program: dict[str, Any], people: People
) -> None:
    with context.acting(organization_id=people.organization.pk):
        bought = {"maps": Allowance("pro", 900, 10)}
        limits.set_allowances(people.organization, bought, at=now())
    people.organization.refresh_from_db()
    send(program, call(program, product="maps"), call(program, product="mail"), call(program))
    assert (used(people, "maps"), used(people)) == (1, 2)
    send(program, *(call(program, product="maps") for _ in range(12)))
    assert used(people, "maps") == 13, "they were made: the quota refuses none, and shows it"


def test_nothing_passes_as_a_call_of_our_own_api(program: dict[str, Any], people: People) -> None:
    answer = send(program, call(program, product="switchyard-api"))
    assert [each["code"] for each in answer.json()["refused"]] == ["reserved"]
    assert used(people) == 0


def test_a_call_of_last_month_counts_there(people: People, redis_client: Any) -> None:
    first = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
    before = Call(
        id=id_at(first - timedelta(hours=1), 7), organization_id=people.organization.pk,
        api_key_id=uuid7(), endpoint="/x", method="GET", status_code=200, latency_ms=1,
        reported=True,
    )  # fmt: skip
    with context.acting(organization_id=people.organization.pk):
        record_reported(people.organization, [before])
    names = [limits.counter_of(people.organization.pk, "", at) for at in (before.called_at, first)]
    assert [redis_client.get(name) for name in names] == [b"1", None]


def test_a_counter_that_was_lost_is_begun_with_all_of_its_month(
    program: dict[str, Any], people: People, redis_client: Any
) -> None:
    """The first report after the loss tells of a call made before others that are stored."""
    with time_machine.travel(now().replace(day=10, hour=12), tick=False):
        send(program, *(call(program) for _ in range(3)))
        ingest.drain("test", batches=5)
        redis_client.delete(limits.counter_of(people.organization.pk, "", now()))
        send(program, call(program, at=(now() - timedelta(hours=20)).isoformat()))
        assert used(people) == 4


def test_a_call_of_the_month_to_come_begins_that_month(
    program: dict[str, Any], people: People, redis_client: Any
) -> None:
    with time_machine.travel(limits.month_end(now()) - timedelta(minutes=2), tick=False):
        send(program, *(call(program) for _ in range(3)))
        ingest.drain("test", batches=5)
        ahead = now() + timedelta(minutes=4)
        send(program, call(program, at=ahead.isoformat()))
        assert redis_client.get(limits.counter_of(people.organization.pk, "", ahead)) == b"1"


def test_a_full_recorder_counts_nothing(
    program: dict[str, Any], people: People, settings: Any
) -> None:
    settings.API_CALLS_STREAM_MOST = 0
    assert send(program, call(program)).status_code == 503
    settings.API_CALLS_STREAM_MOST = 1000
    assert used(people) == 0


@pytest.mark.usefixtures("live_database")
def test_calls_reported_and_verified_at_once_are_each_counted_once() -> None:
    """Also those that many senders repeat, and while nobody has begun the counter."""
    people = make_people()
    with context.acting(organization_id=people.organization.pk):
        _, caller = make_key(people.organization, people.alice, "keys:verify")
        key, text = make_key(people.organization, people.alice)
    ids = [uuid7() for _ in range(50)]

    def report(key_id: Any) -> None:
        told = Call(
            id=key_id, organization_id=people.organization.pk, api_key_id=key.pk, endpoint="/x",
            method="GET", status_code=200, latency_ms=1, reported=True, may_repeat=True,
        )  # fmt: skip
        with context.acting(organization_id=people.organization.pk):
            record_reported(people.organization, [told])
        connection.close()

    def ask(_: int) -> None:
        with context.use(context.Context()):
            verify(caller, text, caller_ip=None, at=now())
        connection.close()

    with ThreadPoolExecutor(8) as threads:
        work = [threads.submit(report, key_id) for key_id in ids * 4]
        work += [threads.submit(ask, number) for number in range(25)]
        for each in work:
            try:
                each.result(60)
            except Unavailable:
                pytest.fail("Redis was there")
    assert used(people) == 75
