"""API-8: at least once, whatever dies; one claim at a time, whoever races; nudges that are only nudges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.utils.timezone import now

from accounts.models import WebhookDelivery
from accounts.rules import deliveries as rules
from accounts.services.webhooks import sending
from tests import services
from tests.conftest import make_people
from tests.factories.webhooks import Receiver, announced, endpoint_of, receiving, reply
from tests.stack import wait_for

PROGRAM = """
import sys, django
django.setup()
from uuid import UUID
from django.utils.timezone import now
from accounts.services.webhooks import sending
sending.deliver(UUID(sys.argv[1]), at=now())
"""


def worker(delivery: WebhookDelivery) -> subprocess.Popen[bytes]:
    """Deliver in a process of its own, as a worker does."""
    env = os.environ | services.role_urls(f"test_{services.WORKER}")
    env |= {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "OUTGOING_PERMITTED_NETWORKS": "127.0.0.1/32",
        "SWITCHYARD_PROCESS": "worker",
        "DATABASE_ROLE": "system",
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(delivery.pk)], env=env, cwd=services.ROOT
    )


@pytest.mark.usefixtures("live_database")
def test_a_worker_killed_between_call_and_record_costs_nothing_but_a_second_message(
    receiver: Receiver,
) -> None:
    """API-8: SIGKILL after the call was made: the message is sent again under the same id."""
    people = make_people()
    endpoint_of(people.organization, receiver.url)
    delivery = announced(people.organization)
    arrived, leave = threading.Event(), threading.Event()

    def stall(handler: Any) -> None:
        arrived.set()
        leave.wait(10)
        reply(handler, 204)

    receiver.answer = stall
    process = worker(delivery)
    try:
        assert arrived.wait(30), "the worker has called"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        leave.set()
    row = WebhookDelivery.objects.get(pk=delivery.pk)
    assert (row.status, row.attempts) == ("pending", 1)
    assert not sending.deliver(delivery.pk, at=now()), "its lease still runs"
    receiver.answer = lambda handler: reply(handler, 204)
    at = row.lease_until
    assert sending.due(at=at) == [delivery.pk], "the sweeper finds it"
    assert sending.deliver(delivery.pk, at=at)
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("succeeded", 2)
    ids = {message.headers["webhook-id"] for message in receiver.messages}
    assert (len(receiver.messages), ids) == (2, {str(delivery.event_id)})
    assert row.log.get(number=1).finished_at is None


@pytest.mark.usefixtures("live_database")
def test_two_workers_at_one_delivery_make_one_call(receiver: Receiver) -> None:
    """API-8: exactly one claim."""
    people = make_people()
    endpoint_of(people.organization, receiver.url)
    for _ in range(5):
        delivery = announced(people.organization)
        gate = threading.Barrier(2)

        def race(key: Any = delivery.pk, gate: threading.Barrier = gate) -> bool:
            try:
                gate.wait()
                return sending.deliver(key, at=now())
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            outcomes = [pool.submit(race) for _ in range(2)]
            assert sorted(each.result() for each in outcomes) == [False, True]
    assert len(receiver.messages) == 5


@pytest.mark.usefixtures("live_database")
def test_a_slow_endpoint_gets_no_more_calls_at_once_than_its_share(receiver: Receiver) -> None:
    """API-8: one slow customer does not starve the others."""
    people = make_people()
    endpoint_of(people.organization, receiver.url)
    deliveries = [announced(people.organization) for _ in range(8)]

    def slow(handler: Any) -> None:
        time.sleep(0.5)
        reply(handler, 204)

    receiver.answer = slow

    def work(key: Any) -> bool:
        try:
            return sending.deliver(key, at=now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, [each.pk for each in deliveries]))
    assert sum(done) == rules.AT_ONCE
    assert receiver.most_at_once == rules.AT_ONCE


@pytest.mark.usefixtures("live_database")
def test_a_long_replay_to_a_slow_endpoint_leaves_workers_to_other_customers(
    receiver: Receiver,
) -> None:
    """API-8: with as many workers as compose starts, another customer is not kept waiting."""
    people = make_people()
    endpoint_of(people.organization, receiver.url)
    tasks = [announced(people.organization).pk for _ in range(8)]
    leave = threading.Event()

    def slow(handler: Any) -> None:
        leave.wait(10)
        reply(handler, 204)

    def work(key: Any) -> bool:
        try:
            return sending.deliver(key, at=now())
        finally:
            connections.close_all()

    receiver.answer = slow
    with receiving() as others, ThreadPoolExecutor(4) as workers:
        endpoint_of(people.other, others.url)
        tasks.append(announced(people.other).pk)
        done = [workers.submit(work, key) for key in tasks]
        try:
            assert wait_for(lambda: done[-1].done() and done[-1].result())
            assert len(others.messages) == 1
            slow_ones = [each.result() for each in done[:-1] if each.done()]
            assert slow_ones == [False] * (8 - rules.AT_ONCE), "two are called, six let go at once"
        finally:
            leave.set()


def test_the_commit_nudges_the_queue_and_a_rollback_does_not(
    organization: Any, redis_client: Any, django_capture_on_commit_callbacks: Any
) -> None:
    endpoint_of(organization)
    with django_capture_on_commit_callbacks(execute=True):
        announced(organization)
        assert redis_client.llen("celery:webhooks") == 0
    assert wait_for(lambda: redis_client.llen("celery:webhooks") == 1)
