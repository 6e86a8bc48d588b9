"""The webhook inbox: verified, stored once, applied by a worker, replayable by staff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

import orjson
import structlog
from django.conf import settings
from django.db import transaction

from billing import events
from billing.gateways import stripe
from billing.gateways.types import BadSignature, VendorEvent
from billing.models import StripeEvent
from billing.rules.delays import back_off
from billing.services import vendor_events
from config.kit import context
from config.kit.errors import DomainError, GatewayError

logger = structlog.get_logger(__name__)
OVERLAP, LOOK_BACK = timedelta(hours=1), timedelta(days=3)
"""How far back the vendor is asked for what it could not deliver: each minute, and each hour."""
_PAGE = 100
_LONGEST_NAME = 120
_ERROR_LENGTH = 500


def receive(*, body: bytes, signature: str, at: datetime) -> VendorEvent:
    """Store a webhook if the vendor signed it; a second delivery changes nothing."""
    event = stripe.read_event(body=body, signature=signature)
    _require_storable(event)
    store(event, at=at)
    return event


def _require_storable(event: VendorEvent) -> None:
    """Refuse what our columns cannot hold; the vendor never sends it."""
    try:
        text = orjson.dumps(dict(event.raw))
    except TypeError as error:
        raise BadSignature("This is signed, but it is not valid text.") from error
    names = (event.id, event.kind, event.object_id)
    if b"\\u0000" in text or any(len(name) > _LONGEST_NAME for name in names):
        raise BadSignature("This is signed, but it cannot be stored.")


@transaction.atomic
def store(event: VendorEvent, *, at: datetime) -> None:
    """Insert the event unless it is there, and announce it either way.

    The web process may insert into the inbox but not read it: hence no look first.
    """
    row = StripeEvent(
        event_id=event.id,
        type=event.kind,
        object_id=event.object_id,
        created=event.created_at,
        payload=dict(event.raw),
        received_at=at,
        next_try_at=at,
    )
    StripeEvent.objects.bulk_create([row], ignore_conflicts=True)
    events.vendor_event_stored.send(StripeEvent, event_id=event.id)


def apply_event(event_id: str, *, at: datetime) -> None:
    """Apply one stored event: ask the vendor how its object stands now, then record that.

    Not inside a transaction. Events may come twice and in any order, because what is recorded
    is the object as it is, and states only move forward.
    """
    event = _claim(event_id, at)
    if event is None:
        return
    with context.acting(actor_kind="stripe", actor_id=event.event_id):
        try:
            change = vendor_events.prepare(event, at=at)
            _finish(event, change, at)
        except (GatewayError, DomainError) as error:
            note_failure(event.pk, error, at=at)


@transaction.atomic
def _claim(event_id: str, at: datetime) -> StripeEvent | None:
    """Lease an event to this worker; None when it is handled, not due, or in other hands."""
    rows = StripeEvent.objects.select_for_update(skip_locked=True)
    event = rows.filter(pk=event_id).waiting(at).first()
    if event is None:
        return None
    event.next_try_at = at + settings.CLAIM_LEASE
    event.attempts += 1
    event.save(update_fields=["next_try_at", "attempts"])
    return event


@transaction.atomic
def _finish(event: StripeEvent, change: vendor_events.Change, at: datetime) -> None:
    event = StripeEvent.objects.select_for_update().get(pk=event.pk)
    if event.handled_at is not None:
        return
    event.error = change()
    if not event.error:
        event.handled_at = at
    else:
        event.next_try_at = at + back_off(event.attempts)
    event.save(update_fields=["handled_at", "error", "next_try_at"])


@transaction.atomic
def note_failure(event_id: str, error: Exception, *, at: datetime) -> None:
    """Keep why an event could not be applied, and when it is tried again."""
    event = StripeEvent.objects.select_for_update().get(pk=event_id)
    event.error = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
    event.next_try_at = at + back_off(event.attempts)
    event.save(update_fields=["error", "next_try_at"])
    logger.warning("inbox.event_failed", event_id=event.pk, attempts=event.attempts)


@transaction.atomic
def replay(event: StripeEvent, *, at: datetime) -> StripeEvent:
    """Let a worker apply the event again, handled or not: applying twice is harmless."""
    event = StripeEvent.objects.select_for_update().get(pk=event.pk)
    event.handled_at, event.error, event.attempts = None, "", 0
    event.next_try_at = at
    event.save(update_fields=["handled_at", "error", "attempts", "next_try_at"])
    events.vendor_event_stored.send(StripeEvent, event_id=event.pk)
    return event


@transaction.atomic
def due(*, at: datetime, limit: int = 200) -> list[str]:
    """Return events that wait: their nudge was lost, or they failed and it is time again."""
    rows = StripeEvent.objects.waiting(at - timedelta(seconds=2)).order_by("next_try_at")
    locked = rows.select_for_update(skip_locked=True)
    return list(locked.values_list("event_id", flat=True)[:limit])


def fetch_missed(*, since: datetime, at: datetime) -> int:
    """Store the events that the vendor could not deliver; return how many we did not have.

    Page by page, so that a stop in the middle keeps what was stored. What we have says nothing of
    what is missing, as one webhook may arrive while others do not: hence always all since `since`.
    """
    stored = 0
    named = stripe.list_events(since=since, undelivered=True)
    while page := list(islice(named, _PAGE)):
        stored += _store_unknown(page, at)
    return stored


@transaction.atomic
def _store_unknown(page: Sequence[VendorEvent], at: datetime) -> int:
    """Store what is not there yet, and announce only that; for workers, who may read the inbox."""
    ids = [event.id for event in page]
    known = set(StripeEvent.objects.filter(event_id__in=ids).values_list("event_id", flat=True))
    unknown = [event for event in page if event.id not in known]
    for event in unknown:
        store(event, at=at)
    return len(unknown)
