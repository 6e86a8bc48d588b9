"""A bulk job: each item once, with its result, as whoever asked, whatever dies on the way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError
from django.utils.timezone import now

from accounts import tasks
from accounts.models import ApiKey, AuditLog, BulkItem, BulkJob, Membership, Notification
from accounts.services.bulk import keeping, retry_failed, run_job, start_job
from accounts.services.bulk.running import span
from accounts.services.bulk.starting import (
    MOST,
    MOST_UNDER_WAY,
    NothingSelected,
    TooManyItems,
    TooManyJobs,
)
from accounts.services.keys.bulk import REVOKE
from config.kit import context
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.bulk import TOUCH, job_of, plain_keys, touched

NONE = timedelta(0)
"""A run that may take no time does one item."""


def touching(people: People, count: int = 3, **params: Any) -> BulkJob:
    return job_of(people.organization, people.alice, count, TOUCH, **params)


def results(job: BulkJob) -> list[tuple[str, str]]:
    return list(job.items.order_by("position").values_list("status", "error_code"))


def keys_of(job: BulkJob) -> list[str]:
    return [str(key) for key in job.items.order_by("position").values_list("target_id", flat=True)]


def test_each_item_is_done_in_order_as_whoever_asked(people: People) -> None:
    job = touching(people)
    assert run_job(job.pk, at=now()) == 3
    job.refresh_from_db()
    assert (job.status, job.failed, job.claimed_until) == ("done", 0, None)
    assert results(job) == [("done", "")] * 3
    assert touched() == keys_of(job)
    entry = AuditLog.objects.filter(action="test.touched").first()
    assert entry is not None
    assert (entry.actor_kind, entry.actor_id) == ("user", str(people.alice.pk))
    assert entry.organization_id == people.organization.pk


def test_the_trail_says_what_was_asked_and_what_came_of_it(people: People) -> None:
    job = touching(people, refused=["K00001"])
    run_job(job.pk, at=now())
    entries = AuditLog.objects.about("accounts_bulkjob", job.pk).order_by("id")
    told = [(entry.action, entry.new_values) for entry in entries if "." in entry.action]
    assert told == [
        ("bulk_job.started", {"bulk_action": "test_touch", "items": 3}),
        ("bulk_job.finished", {"items": 3, "failed": 1}),
    ]


def test_a_refusal_is_the_items_result_and_undoes_only_its_own_work(people: People) -> None:
    job = touching(people, refused=["K00001"], broken=["K00002"])
    run_job(job.pk, at=now())
    job.refresh_from_db()
    assert (job.status, job.failed) == ("done", 2)
    assert results(job) == [("done", ""), ("failed", "test_refused"), ("failed", "internal_error")]
    assert job.items.get(position=2).error == "This one cannot be touched."
    assert touched() == keys_of(job)[:1], "what was written before a refusal is gone"


def test_a_target_that_is_gone_or_anothers_looks_unknown(people: People) -> None:
    theirs = plain_keys(people.other, 1)
    with context.acting(organization_id=people.organization.pk):
        gone = plain_keys(people.organization, 1)[0]
        job = start_job(
            TOUCH, people.organization, targets=[*theirs, gone], params={}, by=people.alice,
            once=uuid4(),
        )  # fmt: skip
    ApiKey.objects.filter(pk=gone.pk).delete()
    run_job(job.pk, at=now())
    assert results(job) == [("failed", "not_found")] * 2
    assert touched() == []


def test_only_what_failed_is_tried_again_and_as_who_asks_for_that(people: People) -> None:
    job = touching(people, refused=["K00001"])
    run_job(job.pk, at=now())
    BulkJob.objects.update(params={})
    Membership.objects.filter(user=people.bob).update(role="admin")
    job.refresh_from_db()
    assert retry_failed(job, by=people.bob) == 1
    assert retry_failed(job, by=people.bob) == 0, "it is under way already"
    assert run_job(job.pk, at=now()) == 1
    job.refresh_from_db()
    assert (job.status, job.failed, job.user) == ("done", 0, people.bob)
    first, second, third = keys_of(job)
    assert touched() == [first, third, second]
    last = AuditLog.objects.filter(action="test.touched").first()
    assert last is not None
    assert last.actor_id == str(people.bob.pk)
    assert retry_failed(job, by=people.bob) == 0, "nothing failed"


def test_who_asked_last_is_told_how_it_went(people: People) -> None:
    job = touching(people, refused=["K00001"])
    run_job(job.pk, at=now())
    BulkJob.objects.update(params={})
    Membership.objects.filter(user=people.bob).update(role="admin")
    job.refresh_from_db()
    retry_failed(job, by=people.bob)
    run_job(job.pk, at=now())
    told = Notification.objects.filter(kind="job_ended").order_by("created_at")
    assert [(each.user, each.severity, each.url) for each in told] == [
        (people.alice, "warning", f"/jobs/{job.pk}/"),
        (people.bob, "info", f"/jobs/{job.pk}/"),
    ]
    assert [each.title for each in told] == [
        "Touch API keys: 1 of 3 failed",
        "Touch API keys: 3 done",
    ]


def _demote(people: People) -> None:
    Membership.objects.filter(user=people.alice).update(role="member")


def _remove(people: People) -> None:
    Membership.objects.filter(user=people.alice).delete()


def _suspend_person(people: People) -> None:
    type(people.alice).objects.filter(pk=people.alice.pk).update(status="suspended")


def _suspend_organization(people: People) -> None:
    type(people.organization).objects.filter(pk=people.organization.pk).update(status="suspended")


@pytest.mark.parametrize("lose", [_demote, _remove, _suspend_person, _suspend_organization])
def test_who_may_not_do_it_any_more_does_not_do_the_rest(
    people: People, lose: Callable[[People], None]
) -> None:
    job = touching(people)
    assert run_job(job.pk, at=now(), limit=NONE) == 1
    Membership.objects.filter(user=people.bob).update(role="owner")
    lose(people)
    run_job(job.pk, at=now())
    assert results(job) == [("done", ""), *[("failed", "permission_lost")] * 2]
    assert len(touched()) == 1


def test_an_action_that_was_taken_away_fails_and_says_so(people: People) -> None:
    job = touching(people, 1)
    BulkJob.objects.update(action="gone")
    run_job(job.pk, at=now())
    assert results(job) == [("failed", "action_gone")]


def test_a_run_is_bounded_and_asks_for_the_next(
    people: People, django_capture_on_commit_callbacks: Any
) -> None:
    job = touching(people)
    with django_capture_on_commit_callbacks() as nudges:
        assert run_job(job.pk, at=now(), limit=NONE) == 1
    assert len(nudges) == 1
    job.refresh_from_db()
    assert (job.status, job.claimed_until) == ("running", None)
    with django_capture_on_commit_callbacks() as nudges:
        run_job(job.pk, at=now())
    assert nudges == []
    assert span().total_seconds() < settings.CELERY_TASK_SOFT_TIME_LIMIT
    assert settings.CLAIM_LEASE.total_seconds() > settings.CELERY_TASK_TIME_LIMIT


def test_a_task_that_comes_twice_does_nothing_twice(people: People) -> None:
    job = touching(people)
    tasks.run_bulk_job(str(job.pk))
    tasks.run_bulk_job(str(job.pk))
    assert touched() == keys_of(job)


def test_a_claimed_job_is_left_alone_until_the_claim_is_over(people: People) -> None:
    """A worker that was killed: its claim stands, its item waits."""
    job, at = touching(people), now()
    BulkJob.objects.update(status="running", claimed_until=at + settings.CLAIM_LEASE)
    assert run_job(job.pk, at=at) == 0
    assert keeping.due_jobs(at + timedelta(minutes=1)) == []
    later = at + settings.CLAIM_LEASE + timedelta(seconds=1)
    assert keeping.due_jobs(later) == [job.pk]
    assert run_job(job.pk, at=later) == 3
    assert touched() == keys_of(job)


def test_eight_workers_at_once_do_each_item_once(live_database: None) -> None:
    """Each of them finds the claim of the one before run out: the locks of the items part them."""
    job = touching(make_people(), 60, refused=["K00007"])

    def work(turn: int) -> int:
        try:
            return run_job(job.pk, at=now() + turn * 2 * settings.CLAIM_LEASE)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, range(8)))
    job.refresh_from_db()
    assert (sum(done), job.status, job.failed, job.claimed_until) == (60, "done", 1, None)
    expected = keys_of(job)
    expected.pop(7)
    assert sorted(touched()) == sorted(expected)


def test_a_lost_nudge_is_made_good_once_a_moment_has_passed(people: People) -> None:
    job = touching(people)
    assert keeping.due_jobs(now()) == []
    assert keeping.due_jobs(now() + timedelta(minutes=1)) == [job.pk]
    run_job(job.pk, at=now())
    assert keeping.due_jobs(now() + timedelta(minutes=1)) == []


def test_what_cannot_be_done_for_a_day_is_given_up_and_forgotten_after_thirty(
    people: People,
) -> None:
    job, at = touching(people), now()
    run_job(job.pk, at=at, limit=NONE)
    assert keeping.give_up(at + timedelta(hours=23)) == 0
    assert keeping.give_up(at + timedelta(hours=25)) == 2
    run_job(job.pk, at=at)
    job.refresh_from_db()
    assert (job.status, job.failed) == ("done", 2)
    other = touching(people)
    assert keeping.forget_old(at + timedelta(days=29)) == 0
    assert keeping.forget_old(at + timedelta(days=31)) == 1
    assert set(BulkItem.objects.values_list("job_id", flat=True)) == {other.pk}


def test_a_job_has_items_and_not_too_many(people: People) -> None:
    with context.acting(organization_id=people.organization.pk):
        facts = {"params": {}, "by": people.alice, "once": uuid4()}
        with pytest.raises(NothingSelected):
            start_job(TOUCH, people.organization, targets=[], **facts)
        many = [ApiKey(pk=uuid4()) for _ in range(MOST + 1)]
        with pytest.raises(TooManyItems, match="10,000"):
            start_job(TOUCH, people.organization, targets=many, **facts)
        twice = plain_keys(people.organization, 1) * 2
        job = start_job(TOUCH, people.organization, targets=twice, **facts)
    assert (job.total, job.items.count()) == (1, 1)


def test_few_jobs_of_one_organization_are_under_way_at_once(people: People) -> None:
    first, *_ = [touching(people, 1, broken=["K00000"]) for _ in range(MOST_UNDER_WAY)]
    with pytest.raises(TooManyJobs):
        touching(people)
    assert BulkJob.objects.count() == MOST_UNDER_WAY
    job_of(people.other, people.charlie, 1)
    run_job(first.pk, at=now())
    touching(people)
    first.refresh_from_db()
    with pytest.raises(TooManyJobs):
        retry_failed(first, by=people.alice)


def test_eight_at_once_begin_no_more_jobs_than_there_is_room_for(live_database: None) -> None:
    people = make_people()
    failed = [touching(people, 1, refused=["K00000"]) for _ in range(4)]
    for job in failed:
        run_job(job.pk, at=now())
        job.refresh_from_db()
    key = plain_keys(people.organization, 1)
    together = Barrier(8)

    def begin(turn: int) -> bool:
        try:
            with context.acting(organization_id=people.organization.pk):
                together.wait()
                if turn < len(failed):
                    return retry_failed(failed[turn], by=people.alice) == 1
                facts = {"params": {}, "by": people.alice, "once": uuid4()}
                return bool(start_job(TOUCH, people.organization, targets=key, **facts))
        except TooManyJobs:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(8))) == MOST_UNDER_WAY
    assert BulkJob.objects.unfinished().count() == MOST_UNDER_WAY


def test_the_same_page_sent_by_eight_at_once_makes_one_job(live_database: None) -> None:
    people, once = make_people(), uuid4()
    keys = plain_keys(people.organization, 5)

    def begin(_: int) -> Any:
        try:
            with context.acting(organization_id=people.organization.pk):
                return start_job(
                    REVOKE, people.organization, targets=keys, params={}, by=people.alice, once=once
                ).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(begin, range(8)))) == 1
    assert (BulkJob.objects.count(), BulkItem.objects.count()) == (1, 5)


def test_the_database_lets_nothing_be_done_twice(people: People) -> None:
    job = touching(people, 1)
    run_job(job.pk, at=now())
    again = {"status": "waiting", "finished_at": None}
    for change in (again, {"target_id": uuid4()}):
        with pytest.raises(IntegrityError, match="done once"), transaction.atomic():
            BulkItem.objects.update(**change)
    item = BulkItem.objects.get()
    item.pk, item.position = uuid4(), 2
    with pytest.raises(IntegrityError, match="bulkitem_once"), transaction.atomic():
        item.save(force_insert=True)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"total": 0}, "counts"),
        ({"action": ""}, "action"),
        ({"status": "lost"}, "status"),
        ({"status": "done"}, "finished"),
        ({"finished_at": "2026-01-01T00:00Z"}, "finished"),
        ({"failed": 1}, "finished"),
    ],
)
def test_the_database_refuses_a_job_that_cannot_be(
    people: People, changes: dict[str, Any], rule: str
) -> None:
    touching(people)
    with pytest.raises(IntegrityError, match=f"accounts_bulkjob_{rule}"), transaction.atomic():
        BulkJob.objects.update(**changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"status": "lost", "finished_at": "2026-01-01T00:00Z"}, "status"),
        ({"status": "done"}, "finished"),
        ({"status": "failed", "finished_at": "2026-01-01T00:00Z"}, "error"),
        ({"error_code": "odd"}, "error"),
    ],
)
def test_the_database_refuses_an_item_that_cannot_be(
    people: People, changes: dict[str, Any], rule: str
) -> None:
    touching(people, 1)
    with pytest.raises(IntegrityError, match=f"accounts_bulkitem_{rule}"), transaction.atomic():
        BulkItem.objects.update(**changes)


def test_an_item_is_of_its_jobs_organization_and_the_site_deletes_none(people: People) -> None:
    touching(people, 1)
    with pytest.raises(IntegrityError, match="job_tenant"), transaction.atomic():
        BulkItem.objects.update(organization=people.other)
    with behind_the_wall(), context.acting(organization_id=people.organization.pk):
        assert BulkItem.objects.count() == 1
        for table in ("accounts_bulkitem", "accounts_bulkjob"):
            with (
                pytest.raises(ProgrammingError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(f"DELETE FROM {table}")
    with behind_the_wall(), context.acting(organization_id=people.other.pk):
        assert BulkItem.objects.count() == BulkJob.objects.count() == 0


def test_a_claim_is_no_entry_of_the_trail(people: People) -> None:
    job = touching(people, 1)
    entries = AuditLog.objects.about("accounts_bulkjob", job.pk)
    before = entries.count()
    BulkJob.objects.update(status="running", claimed_until=now())
    assert entries.count() == before
