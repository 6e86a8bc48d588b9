"""Jobs and people: a copy has what one asked for, and a name that is forgotten is in no job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils.timezone import now

from accounts.models import ApiKey, AuditLog, BulkItem, BulkJob, Organization, User
from accounts.services.bulk import register, run_job
from accounts.services.organizations import add_member, create_organization
from accounts.services.privacy import erase_user
from accounts.services.privacy.holdings import holdings_of_organization, holdings_of_person
from accounts.services.users import create_user
from config.kit import context
from tests.conftest import People
from tests.factories.bulk import TOUCH, job_of

TABLE = "accounts_bulkjob"


def ann_in(organization: Organization) -> User:
    ann = create_user("ann@example.com", "correct horse battery", first_name="Ann", last_name="Li")
    with context.acting(organization_id=organization.pk):
        add_member(organization, user=ann, role="member")
    return ann


def test_jobs_are_in_the_copies_of_person_and_organization(people: People) -> None:
    job_of(people.organization, people.alice, 1, reason="old")
    job_of(people.other, people.charlie, 1)
    for holdings in (
        holdings_of_person(people.alice),
        holdings_of_organization(people.organization),
    ):
        (jobs,) = [holding for holding in holdings if holding.table == TABLE]
        assert [row["params"] for row in jobs.rows()] == [{"reason": "old"}]


def test_a_name_that_is_forgotten_is_in_no_job_any_more(people: People) -> None:
    ann = ann_in(people.organization)
    named = job_of(people.organization, people.alice, 2, TOUCH, reason="Asked by Ann Li")
    plain = job_of(people.organization, people.alice, 1, TOUCH, reason="Joann Lind")
    theirs = job_of(people.other, people.charlie, 1, TOUCH, reason="Ann Li")
    named.items.filter(position=1).update(label="Key of ann@example.com")
    theirs.items.update(label="Key of Ann Li")
    run_job(named.pk, at=now())
    for job in (plain, theirs):
        run_job(job.pk, at=now())
    erase_user(ann, reason="asked")
    params = {job.pk: job.params for job in BulkJob.objects.all()}
    assert params[named.pk] == {"reason": "Asked by …"}
    assert (params[plain.pk], params[theirs.pk]) == ({"reason": "Joann Lind"}, {"reason": "Ann Li"})
    labels = BulkItem.objects.filter(job=named).order_by("position").values_list("label", flat=True)
    assert list(labels) == ["", "K00001"]
    assert theirs.items.get().label == "Key of Ann Li", "nobody was told there"
    assert "Ann" not in str(list(named.items.values()))


def test_a_name_leaves_a_job_that_is_under_way_and_what_it_still_writes(people: People) -> None:
    ann = ann_in(people.organization)
    reason = "Ann Li <ANN@example.com>\nAnn Li left; Joann Lind stays"
    job = job_of(people.organization, people.alice, 2, reason=reason, more=[{"who": "Ann Li"}, 1])
    run_job(job.pk, at=now(), limit=timedelta(0))
    erase_user(ann, reason="asked")
    job.refresh_from_db()
    left = "… <…>\n… left; Joann Lind stays"
    assert job.params == {"reason": left, "more": [{"who": "…"}, 1]}
    run_job(job.pk, at=now())
    reasons = ApiKey.objects.filter(pk__in=job.items.values("target_id"))
    assert set(reasons.values_list("revoked_reason", flat=True)) == {left}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit.logs l WHERE l::text ~* 'ann li|joann lind'")
        assert cursor.fetchone() == (0,), "what a customer typed is not in the trail"
    assert AuditLog.objects.filter(action="api_key.revoked").count() == 2


def test_a_run_that_is_going_on_meets_the_changed_words(people: People) -> None:
    said = []

    def work(key: ApiKey, params: Mapping[str, Any], by: User) -> None:
        said.append(params["reason"])
        BulkJob.objects.update(params={"reason": "…"})

    action = replace(TOUCH, name="test_say", work=work)
    register(action)
    job = job_of(people.organization, people.alice, 2, action, reason="Ann Li")
    run_job(job.pk, at=now())
    assert said == ["Ann Li", "…"]


def test_words_of_a_refusal_that_name_somebody_go_and_the_refusal_stays(people: People) -> None:
    ann = ann_in(people.organization)
    job = job_of(people.organization, people.alice, 1, TOUCH, refused=["K00000"])
    run_job(job.pk, at=now())
    job.items.update(error="Ann Li holds it.")
    erase_user(ann, reason="asked")
    item = job.items.get()
    assert (item.status, item.error_code, item.error) == ("failed", "test_refused", "")


def test_jobs_of_a_personal_organization_go_with_their_person(people: People) -> None:
    ann = ann_in(people.organization)
    own = create_organization(name="Ann Li", owner=ann, country="DE", is_personal=True)
    job_of(own, ann, 1)
    kept = job_of(people.organization, people.alice, 1)
    erase_user(ann, reason="asked")
    assert list(BulkJob.objects.all()) == [kept]
