"""Jobs that were lost, stuck or are old: nudged again, given up, forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.models import BulkItem, BulkJob

SOON = timedelta(seconds=15)
"""A job that was just asked for has its own nudge."""

GIVEN_UP = timedelta(days=1)
KEPT = timedelta(days=30)
_BATCH = 20


def due_jobs(at: datetime) -> list[UUID]:
    """Return the jobs whose nudge was lost or whose worker died, the oldest first."""
    rows = BulkJob.objects.due(at).filter(asked_at__lt=at - SOON)
    return list(rows.order_by("asked_at").values_list("pk", flat=True)[:100])


def give_up(at: datetime) -> int:
    """Let what no run could do for a day fail; the next run closes the job. Returns how many items."""
    stuck = BulkJob.objects.unfinished().filter(asked_at__lt=at - GIVEN_UP)
    waiting = BulkItem.objects.waiting().filter(job__in=stuck)
    count: int = waiting.update(
        status=BulkItem.Status.FAILED, finished_at=at, error_code="given_up",
        error="This could not be done for a day.",
    )  # fmt: skip
    return count


def forget_old(at: datetime) -> int:
    """Delete jobs that ended more than 30 days ago, with their items; return how many."""
    gone = 0
    while True:
        with transaction.atomic():
            old = BulkJob.objects.filter(status=BulkJob.Status.DONE, finished_at__lt=at - KEPT)
            locked = old.select_for_update(skip_locked=True).order_by("finished_at")
            keys = list(locked.values_list("pk", flat=True)[:_BATCH])
            BulkJob.objects.filter(pk__in=keys).delete()
        gone += len(keys)
        if len(keys) < _BATCH:
            return gone
