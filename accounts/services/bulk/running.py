"""Doing the items of a job, each in one transaction with its result.

The lock on an item's row is what makes it happen once: a second worker passes it over, and one
that dies lets go of it undone. The claim on the job only keeps workers from crowding.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import BulkItem, BulkJob, Membership
from accounts.services import audit
from accounts.services.bulk.actions import BulkAction, action_of
from config.kit import context
from config.kit.errors import DomainError, Forbidden, NotFound

logger = structlog.get_logger(__name__)
_WORDS = 300


class PermissionLost(Forbidden):
    code = "permission_lost"
    message = "Whoever asked for this may not do it any more."


class ActionGone(DomainError):
    code = "action_gone"
    message = "This action does not exist any more."


def span() -> timedelta:
    """Return how long one run goes on; the rest is for the next, behind what others wait for."""
    return timedelta(seconds=settings.CELERY_TASK_SOFT_TIME_LIMIT / 4)


def run_job(job_id: UUID, *, at: datetime, limit: timedelta | None = None) -> int:
    """Do the waiting items of a job until none is left or the time is over; return how many.

    Not inside a transaction. Nothing happens while another worker has claimed the job.
    """
    until = at + settings.CLAIM_LEASE
    running = {"status": BulkJob.Status.RUNNING, "claimed_until": until}
    if not BulkJob.objects.due(at).filter(pk=job_id).update(**running):
        return 0
    job = BulkJob.objects.select_related("organization", "user").get(pk=job_id)
    ends = monotonic() + (span() if limit is None else limit).total_seconds()
    done = 0
    try:
        with context.acting(**_as_whoever_asked(job)):
            while _do_next(job):
                done += 1
                if monotonic() >= ends:
                    break
    finally:
        # Unless the claim ran out and is another's by now.
        BulkJob.objects.filter(pk=job_id, claimed_until=until).update(claimed_until=None)
    _finish_or_go_on(job)
    return done


def _as_whoever_asked(job: BulkJob) -> dict[str, object]:
    return {
        "actor_kind": "user",
        "actor_id": str(job.user_id),
        "organization_id": job.organization_id,
        "user_id": job.user_id,
        "impersonator_id": None,
    }


@transaction.atomic
def _do_next(job: BulkJob) -> bool:
    """Do the next item that is in nobody's hands, and write down what came of it."""
    rows = BulkItem.objects.for_organization(job.organization_id).waiting().filter(job=job)
    free = rows.select_related("job").select_for_update(skip_locked=True, of=("self",))
    item: BulkItem | None = free.order_by("position").first()
    if item is None:
        return False
    refusal = _try(job, item)
    item.status = BulkItem.Status.FAILED if refusal else BulkItem.Status.DONE
    if refusal:
        item.error_code, item.error = refusal[0], refusal[1][:_WORDS]
    item.finished_at = now()
    item.save(update_fields=["status", "error_code", "error", "finished_at"])
    return True


def _try(job: BulkJob, item: BulkItem) -> tuple[str, str] | None:
    """Do one item; return the code and the words of its refusal."""
    try:
        with transaction.atomic():
            _work(job, item)
    except DomainError as refusal:
        return refusal.code, refusal.detail
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # The database's trouble, a lock held too long too, is not the item's: it waits.
    except Exception:
        # The boundary: an item that meets a bug must not hold up the others.
        logger.exception("bulk_item.broke", job_id=str(job.pk), item_id=str(item.pk))
        return "internal_error", "Something broke on our side."
    return None


def _work(job: BulkJob, item: BulkItem) -> None:
    action = action_of(job.action)
    if action is None:
        raise ActionGone
    _require_permitted(job, action)
    target = action.find(job.organization, item.target_id)
    if target is None:
        raise NotFound("It is not there any more.")
    action.work(target, item.job.params, job.user)  # As they are now: a name may have left them.


def _require_permitted(job: BulkJob, action: BulkAction) -> None:
    """Ask again for each item: a role may be taken away while the job runs."""
    rows = Membership.objects.for_organization(job.organization_id).filter(user=job.user_id)
    found: Membership | None = rows.select_related("organization", "user").first()
    if found is None or not (found.user.is_active and found.organization.is_active):
        raise PermissionLost
    if not found.allows(action.permission):
        raise PermissionLost


@transaction.atomic
def _finish_or_go_on(job: BulkJob) -> None:
    """Close the job when nothing is left; else ask for the next run, unless somebody is at it.

    Of two workers the one that ends last finds nothing left, whatever the other still saw.
    """
    locked: BulkJob | None = (
        BulkJob.objects.select_for_update(no_key=True).unfinished().filter(pk=job.pk).first()
    )
    if locked is None:
        return
    items = BulkItem.objects.for_organization(locked.organization_id).filter(job=locked)
    if items.waiting().exists():
        if locked.claimed_until is None:
            events.bulk_job_due.send(BulkJob, job_id=locked.pk)
        return
    locked.status, locked.finished_at, locked.claimed_until = BulkJob.Status.DONE, now(), None
    locked.failed = items.failed().count()
    locked.save(update_fields=["status", "finished_at", "claimed_until", "failed"])
    audit.record("bulk_job.finished", locked, items=locked.total, failed=locked.failed)
    events.bulk_job_ended.send(BulkJob, job=locked)
    logger.info("bulk_job.finished", job_id=str(locked.pk))
