"""Recorded calls reach PostgreSQL once each, whatever dies on the way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tasks
from accounts.gateways import call_stream
from accounts.models import Organization, StoredCall, StoredHour
from accounts.rules.calls import Call, entry_of
from accounts.services import calls
from accounts.services.calls import ingest
from config.kit.ids import uuid7
from tests import services
from tests.conftest import People, make_people
from tests.stack import wait_for

KEY = UUID("0199d0f0-0000-7000-8000-000000000001")


def call_of(organization: Organization, **facts: Any) -> Call:
    defaults = {
        "id": uuid7(), "organization_id": organization.pk, "api_key_id": KEY,
        "endpoint": "/v1/things", "method": "GET", "status_code": 200, "latency_ms": 12,
    } | facts  # fmt: skip
    return Call(**defaults)


@pytest.fixture(autouse=True)
def group(clean_redis: None) -> None:
    call_stream.open_group()


def test_a_recorded_call_is_stored_and_forgotten_by_the_stream(people: People) -> None:
    key = calls.record(people.organization.pk, KEY, endpoint="/v1/things?token=secret#x",
                       method="get", status_code=200, latency_ms=3.7)  # fmt: skip
    assert ingest.drain("one", batches=3) == 1
    stored = StoredCall.objects.get(pk=key)
    assert (stored.endpoint, stored.method, stored.latency_ms) == ("/v1/things", "GET", 4)
    assert call_stream.standing() == call_stream.Standing(0, 0, 0)


def test_an_entry_that_is_delivered_twice_is_stored_once(people: People) -> None:
    call = call_of(people.organization)
    call_stream.add([call])
    call_stream.add([call])
    ingest.drain("one", batches=3)
    assert StoredHour.objects.get().requests == 1


def test_a_flusher_that_died_before_its_commit_leaves_its_entries_to_the_next(
    people: People,
) -> None:
    call_stream.add([call_of(people.organization) for _ in range(5)])
    assert len(call_stream.read("dead", most=3)) == 3
    assert ingest.flush("next", idle_ms=60_000) == 2, "the dead one may still live"
    assert ingest.flush("next", idle_ms=0) == 3
    assert StoredCall.objects.count() == 5
    assert call_stream.standing().length == 0


def test_a_flusher_that_died_after_its_commit_doubles_nothing(people: People) -> None:
    call_stream.add([call_of(people.organization) for _ in range(5)])
    entries = call_stream.read("dead", most=10)
    ingest.write(ingest._readable(entries))
    assert ingest.flush("next", idle_ms=0) == 5
    assert StoredCall.objects.count() == 5
    assert sum(StoredHour.objects.values_list("requests", flat=True)) == 5


def test_what_is_reported_completes_the_call_in_either_order(people: People) -> None:
    for first_reported in (True, False):
        verified = call_of(people.organization, endpoint="/api/v1/keys/verify", product="maps")
        told = call_of(people.organization, id=verified.id, endpoint="/v1/route", status_code=500,
                       latency_ms=80, reported=True)  # fmt: skip
        for each in sorted((verified, told), key=lambda call: call.reported != first_reported):
            ingest.write([each])
        ingest.write([verified])
        stored = StoredCall.objects.get(pk=verified.id)
        assert (stored.endpoint, stored.status_code, stored.latency_ms) == ("/v1/route", 500, 80)
    assert sum(StoredHour.objects.values_list("requests", flat=True)) == 2


@pytest.mark.parametrize("first", ["verified", "reported"])
@pytest.mark.parametrize("outcome", ["VALID", "RATE_LIMITED"])
def test_whether_a_call_counts_and_for_what_is_the_verifications_word(
    people: People, first: str, outcome: str
) -> None:
    verified = call_of(people.organization, product="maps", outcome=outcome)
    told = call_of(people.organization, id=verified.id, endpoint="/v1/route", latency_ms=80,
                   request_body="q", reported=True)  # fmt: skip
    for each in (verified, told) if first == "verified" else (told, verified):
        ingest.write([each])
    stored = StoredCall.objects.get()
    assert (stored.product, stored.outcome) == ("maps", outcome)
    assert (stored.endpoint, stored.latency_ms, stored.request_body) == ("/v1/route", 80, "q")
    counts = outcome == "VALID"
    hours = [hour for hour in StoredHour.objects.all() if hour.requests]
    assert [(hour.product, hour.requests, hour.billable) for hour in hours] == [("maps", 1, counts)]
    at = stored.called_at
    assert calls.used_this_month(people.organization.pk, "maps", at) == counts


def test_nothing_stays_of_what_somebody_else_told_of_a_verified_call(people: People) -> None:
    call = call_of(people.organization)
    ingest.write([call_of(people.other, id=call.id, endpoint="/theirs", request_body="theirs",
                          reported=True)])  # fmt: skip
    ingest.write([call])
    stored = StoredCall.objects.get()
    assert (stored.organization_id, stored.api_key_id) == (people.organization.pk, KEY)
    assert (stored.endpoint, stored.request_body) == ("/v1/things", None)
    sums = {hour.organization_id: hour.requests for hour in StoredHour.objects.all()}
    assert sums == {people.organization.pk: 1, people.other.pk: 0}


def test_another_organization_cannot_complete_a_call(people: People) -> None:
    call = call_of(people.organization)
    ingest.write([call, call_of(people.other, id=call.id, status_code=500, reported=True)])
    stored = StoredCall.objects.get()
    assert (stored.organization_id, stored.status_code) == (people.organization.pk, 200)


def test_an_entry_that_is_no_call_is_set_aside_and_stops_nothing(
    people: People, redis_client: Any
) -> None:
    redis_client.xadd(call_stream.STREAM, {"id": "nonsense"})
    bad = entry_of(call_of(people.organization)) | {"status": "99999999999999999999"}
    redis_client.xadd(call_stream.STREAM, bad)
    call_stream.add([call_of(people.organization)])
    assert ingest.drain("one", batches=3) == 3
    assert StoredCall.objects.count() == 1
    assert redis_client.xlen(call_stream.BAD) == 2


def test_a_full_stream_refuses_and_counts_instead_of_dropping_what_it_has(
    people: People, settings: Any
) -> None:
    settings.API_CALLS_STREAM_MOST = 2
    assert call_stream.add([call_of(people.organization) for _ in range(3)]) == 2
    assert call_stream.standing() == call_stream.Standing(2, 0, 1)


def test_the_alarm_over_a_long_stream_needs_nobody_who_flushes(
    people: People, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes in a queue where a worker lives, and asks Redis alone."""
    settings.API_CALLS_STREAM_ALARM = 2
    call_stream.add([call_of(people.organization)])
    tasks.watch_calls()
    assert not caplog.records
    call_stream.add([call_of(people.organization)])
    with CaptureQueriesContext(connection) as asked:
        tasks.watch_calls()
    [record] = caplog.records
    assert "calls.stream_long" in record.getMessage()
    assert not asked.captured_queries
    routes = settings.CELERY_TASK_ROUTES
    assert tasks.flush_calls.name in routes
    assert tasks.watch_calls.name not in routes


def test_used_this_month_counts_only_what_a_quota_counts(people: People) -> None:
    ours = people.organization
    ingest.write([
        call_of(ours), call_of(ours, product="maps"), call_of(ours, outcome="RATE_LIMITED"),
        call_of(ours, product="switchyard-api"), call_of(people.other),
    ])  # fmt: skip
    at = StoredCall.objects.first().called_at
    assert calls.used_this_month(ours.pk, "", at) == 2
    assert calls.used_this_month(ours.pk, "maps", at) == 1


CALLS = 20_000


@pytest.mark.usefixtures("live_database")
def test_no_call_is_lost_or_doubled_when_flushers_are_killed_again_and_again() -> None:
    """Item 3: calls keep coming, two flushers work, and each is killed at random moments."""
    organization = make_people().organization
    connection.close()
    environment = {**os.environ, **services.role_urls(f"test_{services.WORKER}")}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings.base", "DATABASE_ROLE": "system"}
    command = [sys.executable, "manage.py", "flush_calls", "--forever", "--batch", "300",
               "--claim-after", "400", "--skip-checks"]  # fmt: skip
    dice, killed, running = random.Random(7), 0, []
    try:
        sent = 0
        deadline = time.monotonic() + 90
        while sent < CALLS or call_stream.standing().length:
            assert time.monotonic() < deadline, call_stream.standing()
            while len(running) < 2:
                running.append(subprocess.Popen(command, cwd=services.ROOT, env=environment,
                                                stdout=subprocess.DEVNULL))  # fmt: skip
            if sent < CALLS:
                sent += call_stream.add([call_of(organization) for _ in range(500)])
            before = call_stream.standing().length
            moved = wait_for(
                lambda before=before: call_stream.standing().length != before
                or not call_stream.standing().length,
                seconds=30, every=0.01,
            )  # fmt: skip
            assert moved
            if killed < 6 and sent > killed * CALLS // 8:
                time.sleep(dice.random() / 50)
                victim = running.pop(0)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                killed += 1
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert killed == 6
    assert StoredCall.objects.count() == CALLS
    assert sum(StoredHour.objects.values_list("requests", flat=True)) == CALLS
