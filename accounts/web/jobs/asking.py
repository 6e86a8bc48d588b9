"""A bulk action on what a list shows: few are done at once, many by a job, never others than asked.

A view first looks for `job_made_by` the page, then reads what was selected with `select`. When that
is for a job it begins one once `is_agreed`, and else shows a page that includes
accounts/jobs/asked.html with `facts_of`.

Where new ones match all the time, the view selects what matched at `asked_at` and hands that on:
what came later is not in it, what does not match any more is passed over, nothing is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware, now

from accounts.models import BulkJob
from accounts.services.bulk import MOST, BulkAction, TooManyItems, start_job
from config.kit.errors import DomainError
from config.kit.ids import as_uuid

AT_ONCE = 100
"""So many are done while the person waits; more are a job's."""

ANSWERED = timedelta(days=1)
"""So long a page that asks may stand before it is confirmed; then it asks again."""

NAMED = 5
_CARRIED = ("all", "ids", "q", "status", "sort", "type", "since")
"""Fields that say what was selected, for the second POST. A list's own filters are among them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What an action is asked for, read once.

    `mark` stands for exactly these things: the page that asked sends it back, and when something
    else matches by then, it asks again. Not so when all of them matched at `asked_at`: that comes
    back instead, and then there can only be fewer.
    """

    action: BulkAction
    targets: list[Any]
    carried: list[tuple[str, str]]
    asked_at: datetime | None = None

    @property
    def count(self) -> int:
        return len(self.targets)

    @property
    def is_for_a_job(self) -> bool:
        return self.count > AT_ONCE

    @property
    def names(self) -> list[str]:
        return [self.action.name_of(target) for target in self.targets[:NAMED]]

    @property
    def unnamed(self) -> int:
        return max(0, self.count - NAMED)

    @property
    def mark(self) -> str:
        keys = sorted(str(target.pk) for target in self.targets)
        return sha256("\n".join(keys).encode()).hexdigest()


def moment_asked(request: Any) -> datetime:
    """Return when the page that is confirmed was shown; now, when none is."""
    return _moment_carried(request) or now()


def select(
    request: Any, action: BulkAction, rows: QuerySet[Any], *, asked_at: datetime | None = None
) -> Selection:
    """Read the selected rows; raises `TooManyItems`.

    With `asked_at`, the `moment_asked`, the rows must be such that none can join them after it.
    """
    targets = list(rows[: MOST + 1])
    if len(targets) > MOST:
        raise TooManyItems
    carried = [(name, value) for name in _CARRIED for value in request.POST.getlist(name)]
    if asked_at is not None:
        carried.append(("asked_at", asked_at.isoformat()))
    return Selection(action, targets, carried, asked_at)


def facts_of(request: Any, selection: Selection) -> dict[str, Any]:
    """Return what accounts/jobs/asked.html needs."""
    has_changed = _is_confirmed(request) and not is_agreed(request, selection)
    return {"selection": selection, "has_changed": has_changed, "once": uuid4()}


def is_agreed(request: Any, selection: Selection) -> bool:
    """Tell whether the page that asked about these, and no others, was confirmed."""
    if not _is_confirmed(request):
        return False
    if selection.asked_at is not None:
        return selection.asked_at == _moment_carried(request)
    return bool(request.POST.get("seen") == selection.mark)


def job_made_by(request: Any) -> BulkJob | None:
    """Return the job that this very page has begun already, when it is sent again."""
    once = as_uuid(request.POST.get("once"))
    if once is None:
        return None
    job: BulkJob | None = (
        BulkJob.objects.for_organization(request.organization).filter(once=once).first()
    )
    return job


def begin(
    request: Any, selection: Selection, *, params: Mapping[str, Any], back: str
) -> HttpResponse:
    """Make the job and lead to its page; refused, back to the address `back` with the reason."""
    try:
        job = start_job(
            selection.action,
            request.organization,
            targets=selection.targets,
            params=params,
            by=request.user,
            once=as_uuid(request.POST.get("once")) or uuid4(),
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return redirect(back)
    messages.success(request, f"{selection.action.label}: {job.total:,} are being worked on.")
    return redirect("job", job.pk)


def _is_confirmed(request: Any) -> bool:
    return bool(request.POST.get("confirmed") == "yes")


def _moment_carried(request: Any) -> datetime | None:
    """Return the moment that the page carries; None when it is none of the last day."""
    try:
        moment = parse_datetime(request.POST.get("asked_at", ""))
    except ValueError:
        return None
    if moment is None or not is_aware(moment):
        return None
    return moment if timedelta(0) <= now() - moment <= ANSWERED else None
