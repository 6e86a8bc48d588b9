"""Beginning a job, and trying again what failed of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import BulkItem, BulkJob, Organization, User
from accounts.services import audit
from accounts.services.bulk.actions import BulkAction
from config.kit.errors import Conflict, DomainError
from config.kit.ids import uuid7

MOST = 10_000
MOST_UNDER_WAY = 5
"""Jobs of one organization at a time: nobody's work waits for long behind one customer's."""

_LABEL = 200
_STORE = """
INSERT INTO accounts_bulkitem
    (id, organization_id, job_id, position, target_id, label, status, error_code, error)
SELECT item.id, %s, %s, item.position, item.target_id, item.label, 'waiting', '', ''
FROM unnest(%s::uuid[], %s::uuid[], %s::text[])
    WITH ORDINALITY AS item (id, target_id, label, position)
"""


class TooManyItems(DomainError):
    code = "too_many_items"
    status = 422
    message = f"More than {MOST:,} are selected. Narrow the filter and take them in parts."


class NothingSelected(DomainError):
    code = "nothing_selected"
    status = 422
    message = "Nothing is selected."


class TooManyJobs(Conflict):
    code = "too_many_jobs"
    message = f"{MOST_UNDER_WAY} jobs are under way already. Wait until one of them is done."


@transaction.atomic
def start_job(
    action: BulkAction,
    organization: Organization,
    *,
    targets: Iterable[models.Model],
    params: Mapping[str, Any],
    by: User,
    once: UUID,
) -> BulkJob:
    """Write down what is to be done to which things; a worker begins once it is committed.

    A second call with the same `once` waits for the first and returns its job.
    """
    unique = list({target.pk: target for target in targets}.values())
    if not unique:
        raise NothingSelected
    if len(unique) > MOST:
        raise TooManyItems
    _lock(organization.pk)
    job = BulkJob(
        organization=organization, user=by, action=action.name, params=dict(params),
        total=len(unique), once=once, asked_at=now(),
    )  # fmt: skip
    BulkJob.objects.bulk_create([job], ignore_conflicts=True)
    own = BulkJob.objects.for_organization(organization)
    stored: BulkJob = own.get(once=once)
    if stored.pk != job.pk:
        return stored
    _require_room(job)
    _store_items(job, [(target.pk, action.name_of(target)[:_LABEL]) for target in unique])
    audit.record("bulk_job.started", stored, bulk_action=action.name, items=job.total)
    events.bulk_job_due.send(BulkJob, job_id=stored.pk)
    return stored


@transaction.atomic
def retry_failed(job: BulkJob, *, by: User) -> int:
    """Do again what failed, and only that, as `by`; return how many items.

    Nothing happens while the job is under way, or when nothing failed.
    """
    _lock(job.organization_id)
    own = BulkJob.objects.for_organization(job.organization_id)
    job = own.select_for_update(no_key=True).get(pk=job.pk)
    if not job.is_done or not job.failed:
        return 0
    _require_room(job)
    _wait_again(job, by=by, at=now())
    failed = BulkItem.objects.for_organization(job.organization_id).failed().filter(job=job)
    count: int = failed.update(
        status=BulkItem.Status.WAITING, error_code="", error="", finished_at=None
    )
    audit.record("bulk_job.retried", job, items=count)
    events.bulk_job_due.send(BulkJob, job_id=job.pk)
    return count


def _store_items(job: BulkJob, named: list[tuple[UUID, str]]) -> None:
    """Write all items in one statement: a person waits, and ten thousand objects take seconds."""
    targets, labels = zip(*named, strict=True)
    keys = [uuid7() for _ in named]
    values: list[Any] = [job.organization_id, job.pk, keys, list(targets), list(labels)]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, values)


def _wait_again(job: BulkJob, *, by: User, at: datetime) -> None:
    job.status, job.finished_at, job.failed = BulkJob.Status.WAITING, None, 0
    job.user, job.asked_at = by, at
    job.save(update_fields=["status", "finished_at", "failed", "user", "asked_at"])


def _lock(organization_id: UUID) -> None:
    """Take the organization's row: two at once must not both begin the last job there is room for."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _require_room(job: BulkJob) -> None:
    others = BulkJob.objects.for_organization(job.organization_id).unfinished()
    if others.exclude(pk=job.pk).count() >= MOST_UNDER_WAY:
        raise TooManyJobs
