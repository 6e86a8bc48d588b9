"""A worker that is stopped in the middle of an item: nothing of that item stays, nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now

from accounts.models import ApiKey, AuditLog, BulkJob
from accounts.services.bulk import keeping, run_job
from tests import services
from tests.conftest import make_people
from tests.factories.bulk import job_of
from tests.stack import wait_for

PROGRAM = """
import sys, django
django.setup()
from uuid import UUID
from django.utils.timezone import now
from accounts.services.bulk import run_job
run_job(UUID(sys.argv[1]), at=now())
"""
ITEMS, BEFORE = 30, 12


def worker(job: BulkJob) -> subprocess.Popen[bytes]:
    """Run the job in a process of its own, as a worker does."""
    env = os.environ | services.role_urls(f"test_{services.WORKER}")
    env |= {"DJANGO_SETTINGS_MODULE": "config.settings.test", "DATABASE_ROLE": "system"}
    command = [sys.executable, "-c", PROGRAM, str(job.pk)]
    return subprocess.Popen(command, env=env, cwd=services.ROOT)


WAITS_FOR_US = """SELECT count(*) FROM pg_locks
    WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"""
AT_WORK = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"""


def count(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def test_a_killed_worker_leaves_no_half_item_and_its_successor_does_the_rest(
    live_database: None,
) -> None:
    people = make_people()
    job = job_of(people.organization, people.alice, ITEMS, reason="old")
    target = job.items.get(position=BEFORE + 1).target_id
    done = job.items.filter(status="done")
    with transaction.atomic():
        # The worker stands still at this key, its transaction open.
        ApiKey.objects.select_for_update().get(pk=target)
        process = worker(job)
        try:
            wait_for(lambda: count(WAITS_FOR_US), seconds=45)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    wait_for(lambda: not count(AT_WORK))
    job.refresh_from_db()
    assert (job.status, done.count()) == ("running", BEFORE)
    assert run_job(job.pk, at=now()) == 0, "the claim of the dead stands for a while"
    later = now() + settings.CLAIM_LEASE + timedelta(seconds=1)
    assert keeping.due_jobs(later) == [job.pk]
    assert run_job(job.pk, at=later) == ITEMS - BEFORE
    job.refresh_from_db()
    assert (job.status, job.failed) == ("done", 0)
    revoked = AuditLog.objects.filter(action="api_key.revoked").values_list("entity_id", flat=True)
    assert sorted(revoked) == sorted(map(str, job.items.values_list("target_id", flat=True)))


def test_an_item_that_waits_past_the_time_limit_is_left_for_the_next_run(
    live_database: None,
) -> None:
    """The signal comes as Celery's does, while another transaction holds the key."""
    people = make_people()
    job = job_of(people.organization, people.alice, 1)
    held, over = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                ApiKey.objects.select_for_update().get(pk=job.items.get().target_id)
                held.set()
                wait_for(lambda: count(WAITS_FOR_US))
                os.kill(os.getpid(), signal.SIGUSR1)
                assert over.wait(30)
        finally:
            connection.close()

    def stop(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    former = signal.signal(signal.SIGUSR1, stop)
    try:
        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(hold)
            assert held.wait(30)
            with pytest.raises(SoftTimeLimitExceeded):
                run_job(job.pk, at=now())
            over.set()
            holding.result()
    finally:
        signal.signal(signal.SIGUSR1, former)
    job.refresh_from_db()
    assert (job.status, job.claimed_until, job.items.get().status) == ("running", None, "waiting")
    assert run_job(job.pk, at=now()) == 1
    assert job.items.get().status == "done"
