"""What desktop clients report, and how long it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import transaction

from accounts.models import SyncLog, User
from accounts.models.sync_log import MOST_BYTES
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
    refused = []
    for number, event in enumerate(events):
        pointer = f"/events/{number}/data"
        if event.data is not None and _bytes(event.data) > MOST_BYTES:
            refused.append({"pointer": pointer, "code": "too_large", "detail": "At most 8 KB."})
        elif _holds_nul(event.data):
            refused.append({"pointer": pointer, "code": "invalid", "detail": "Holds a NUL."})
    if refused:
        raise InvalidInput(errors=refused)


def _bytes(data: dict[str, Any]) -> int:
    """Return how long PostgreSQL writes it at most: with a blank after each colon and comma."""
    written = orjson.dumps(data)
    return len(written) + written.count(b":") + written.count(b",")


def _holds_nul(value: Any) -> bool:
    """JSON can say NUL, PostgreSQL's text cannot."""
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\x00" in value
