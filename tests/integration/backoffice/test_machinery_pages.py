"""Database health, jobs and backups in the back office: who sees them, what they show, one button."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog
from config.kit.redis import connect_to_broker
from config.operations import database, failures, jobs, liveness
from config.operations.backups.archive import DUMP, Manifest, begin, finish
from tests import services

PAGES = ("database", "jobs", "backups")
BROKER = 63  # a number of the Redis server that no worker and no stack uses


@pytest.fixture(autouse=True)
def _fresh() -> None:
    database.forget()


def _fail(task: str = "billing.sweep_inbox", *args: Any) -> failures.Failure:
    failures.note(
        id=str(uuid.uuid4()),
        task=task,
        args=args,
        kwargs={},
        error=ValueError("the vendor said no"),
        trace="Traceback: line 1",
    )
    return failures.latest(1)[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_member_of_staff_may_look_and_nobody_else(
    page: str, readonly: Client, support: Client, admin: Client
) -> None:
    for client in (readonly, support, admin):
        assert client.get(f"/admin/operations/{page}/").status_code == 200
        assert client.post(f"/admin/operations/{page}/").status_code == 405
    assert Client().get(f"/admin/operations/{page}/").status_code == 302


def test_customers_have_no_door_here(people: Any) -> None:
    for user in (people.alice, people.bob, people.charlie):
        client = Client()
        client.force_login(user)
        for page in PAGES:
            assert client.get(f"/admin/operations/{page}/").status_code in {302, 403}


@pytest.mark.usefixtures("house")
def test_database_health_shows_tables_connections_and_unused_indexes(admin: Client) -> None:
    page = admin.get("/admin/operations/database/").content.decode()
    assert database.look().tables[0].name in page
    assert "switchyard_system" in page
    assert "No replica is connected." in page


def test_jobs_show_queues_workers_the_schedule_and_promises(admin: Client) -> None:
    liveness.worker_is_alive("celery@one", ["default", "money"], 1)
    liveness.beat_is_alive(0.0)
    liveness.sent("billing.sweep_inbox", 0.2)
    liveness.task_ended("billing.sweep_inbox", "success", 0.125)
    page = admin.get("/admin/operations/jobs/").content.decode()
    assert "celery@one" in page
    assert "default, money" in page
    assert "cron 0 2 * * *" in page
    assert "every 5 s" in page
    assert "0.12 s" in page or "0.13 s" in page
    assert "Webhooks of Stripe to apply" in page


def test_a_failed_task_is_read_and_started_again_by_post_once(
    admin: Client, redis_client: Any
) -> None:
    failure = _fail()
    jobs_page = admin.get("/admin/operations/jobs/").content.decode()
    assert "the vendor said no" in jobs_page
    assert (
        "Traceback: line 1" in admin.get(f"/admin/operations/jobs/{failure.id}/").content.decode()
    )
    address = f"/admin/operations/jobs/{failure.id}/retry/"
    assert "Start again" in admin.get(address).content.decode()
    assert jobs.queue_lengths()["money"] == 0
    assert admin.post(address).status_code == 302
    assert jobs.queue_lengths()["money"] == 1
    assert failures.latest() == []
    assert AuditLog.objects.filter(action="task.retried").count() == 1
    again = admin.post(address, follow=True).content.decode()
    assert "not kept any more" in again
    assert jobs.queue_lengths()["money"] == 1


def test_those_who_only_read_may_not_start_a_task(readonly: Client) -> None:
    failure = _fail()
    assert "Start again" not in readonly.get("/admin/operations/jobs/").content.decode()
    assert readonly.post(f"/admin/operations/jobs/{failure.id}/retry/").status_code == 403
    assert jobs.queue_lengths()["money"] == 0
    assert len(failures.latest()) == 1


def test_a_task_that_no_longer_exists_is_not_started(admin: Client) -> None:
    failure = _fail("billing.removed_long_ago")
    page = admin.post(f"/admin/operations/jobs/{failure.id}/retry/", follow=True).content.decode()
    assert "There is no task" in page
    assert len(failures.latest()) == 1


def test_only_the_last_failures_are_kept() -> None:
    for number in range(failures.KEPT + 5):
        _fail("billing.sweep_inbox", number)
    kept = failures.latest()
    assert len(kept) == failures.KEPT
    assert kept[0].args == [failures.KEPT + 4]


def test_queues_are_counted_where_the_broker_is(
    redis_client: Any, settings: Any, request: pytest.FixtureRequest
) -> None:
    settings.CELERY_BROKER_URL = services.redis_url(BROKER)
    request.addfinalizer(connect_to_broker.cache_clear)
    connect_to_broker.cache_clear()
    broker = connect_to_broker()
    redis_client.rpush("celery:money", "not this one")
    broker.rpush("celery:money", "one", "two")
    try:
        assert jobs.queue_lengths()["money"] == 2
    finally:
        broker.delete("celery:money")


def test_the_backups_page_says_what_is_there_and_what_to_do_when_nothing_is(
    admin: Client, settings: Any, tmp_path: Any
) -> None:
    settings.BACKUP_DIR = str(tmp_path / "backups")
    assert "There is no backup yet" in admin.get("/admin/operations/backups/").content.decode()
    folder = begin(now())
    (folder / DUMP).write_bytes(b"x" * 2048)
    finish(
        folder, Manifest(now().isoformat(), "switchyard", "18", "pg_dump 18", {}, {}, {}, size=2048)
    )
    page = admin.get("/admin/operations/backups/").content.decode()
    assert "2.0" in page
    (tmp_path / "backups" / folder.name.removeprefix(".unfinished-") / "manifest.json").write_text(
        "{"
    )
    assert "unreadable" in admin.get("/admin/operations/backups/").content.decode()


def test_the_database_page_asks_seven_questions(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20):
        admin.get("/admin/operations/database/")
    with django_assert_max_num_queries(13):
        admin.get("/admin/operations/database/")
