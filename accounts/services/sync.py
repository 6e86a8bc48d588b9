"""What desktop clients report, and how long it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import SyncLog, User
from accounts.models.sync_log import MOST_BYTES
from accounts.rules.documents import fault_of
from accounts.services.tokens.callers import acting_as, client_facts
from config.kit.errors import InvalidInput

KEPT = timedelta(days=90)
MOST_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a client; `event_id` is the client's own."""

    event_id: str
    event_type: str
    event_source: str
    data: dict[str, Any] | None = None
    success: bool = True
    error_message: str | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How many events were new and how many were known; `cursor` names the newest of all."""

    accepted: int
    known: int
    cursor: str


@transaction.atomic
def take_events(user: User, events: Sequence[Event]) -> Taken:
    """Store what is new of a batch. Sending it again changes nothing.

    Raises `InvalidInput` when the data of an event is larger than 8 KB, or holds a NUL.
    """
    _require_storable(events)
    with acting_as(user):
        known = SyncLog.objects.filter(user=user)
        before = set(
            known.filter(event_id__in=[event.event_id for event in events]).values_list(
                "event_id", flat=True
            )
        )
        fresh = {event.event_id: event for event in events if event.event_id not in before}
        facts = client_facts()
        rows = [_row(user, event, facts) for event in fresh.values()]
        # Of two equal batches at once, one writes and the other finds them written.
        SyncLog.objects.bulk_create(rows, ignore_conflicts=True)
        newest = known.values_list("pk", flat=True).first()
        written = known.filter(pk__in=[row.pk for row in rows]).count()
    return Taken(written, len(events) - written, str(newest or ""))


def forget_old_events(*, at: datetime) -> int:
    """Delete reports older than 90 days; return how many."""
    deleted, _ = SyncLog.objects.filter(created_at__lt=at - KEPT).delete()
    return deleted


def _row(user: User, event: Event, facts: dict[str, Any]) -> SyncLog:
    return SyncLog(
        user=user,
        event_id=event.event_id,
        event_type=event.event_type,
        event_source=event.event_source,
        data=event.data,
        success=event.success,
        error_message=event.error_message,
        occurred_at=event.occurred_at,
        **facts,
    )


def _require_storable(events: Sequence[Event]) -> None:
    refused = [
        {"pointer": f"/events/{number}/data", "code": fault.code, "detail": fault.detail}
        for number, event in enumerate(events)
        if (fault := fault_of(event.data, most=MOST_BYTES)) is not None
    ]
    if refused:
        raise InvalidInput(errors=refused)
