"""Sending: claim a delivery, call the endpoint, record what came of it.

Nothing here calls inside a transaction. A worker that dies between call and record leaves an
unfinished try; when its lease ends the message is sent again, under the same `webhook-id`.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Window
from django.db.models.functions import RowNumber
from django.utils.timezone import now

from accounts import events
from accounts.models import (
    Organization,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from accounts.rules import deliveries as rules
from accounts.rules.event_types import written
from accounts.rules.signing import headers_of
from accounts.services.webhooks import endpoints
from config.kit import context, http
from config.kit.errors import GatewayError

logger = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
"""How long a worker may hold a delivery: longer than its task may run (accounts.tasks)."""

USER_AGENT = "Switchyard-Webhooks/1"
Status = WebhookDelivery.Status


@dataclass(frozen=True, slots=True)
class Claim:
    """One try that this worker alone makes."""

    delivery: WebhookDelivery
    number: int
    lease_until: datetime
    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try; no `status` when nobody answered, then `code` says why."""

    latency_ms: int
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    code: str = ""
    error: str = ""


def body_of(event: WebhookEvent, api_version: str) -> bytes:
    """Return the message: the same bytes at every try."""
    return orjson.dumps(
        {
            "id": str(event.pk),
            "type": event.type,
            "timestamp": written(event.created_at),
            "api_version": api_version,
            "data": event.payload,
        }
    )


def deliver(delivery_id: UUID, *, at: datetime) -> bool:
    """Try one delivery once; False when it is not due, in other hands, or its turn comes later."""
    claim = _claim(delivery_id, at)
    if claim is None:
        return False
    with context.acting(organization_id=claim.delivery.organization_id):
        outcome = _call(claim)
        _record(claim, outcome, at=now())
    return True


def due(*, at: datetime, limit: int = 500) -> list[UUID]:
    """Return what waits for its try, no more an endpoint than it may have.

    The oldest of each organization comes first, then the next of each: a long line of one keeps
    nobody else out.
    """
    rows = WebhookDelivery.objects.due(at)
    first = rows.annotate(place=_place("endpoint_id")).filter(place__lte=rules.AT_ONCE)
    turns = rows.filter(pk__in=first.values("pk")).annotate(turn=_place("organization_id"))
    ordered = turns.order_by("turn", "next_attempt_at", "id")
    return list(ordered.values_list("pk", flat=True)[:limit])


def _place(among: str) -> Window:
    return Window(RowNumber(), partition_by=F(among), order_by=[F("next_attempt_at"), F("id")])


@transaction.atomic
def _claim(delivery_id: UUID, at: datetime) -> Claim | None:
    """Lease a delivery to this worker, within what its customer may be called at once."""
    pointer = WebhookDelivery.objects.due(at).filter(pk=delivery_id).first()
    if pointer is None:
        return None
    # The organization's row makes counting its calls exact; the endpoint's comes next, everywhere.
    Organization.objects.select_for_update(no_key=True).filter(pk=pointer.organization_id).first()
    locked_endpoints = WebhookEndpoint.objects.select_for_update(no_key=True)
    endpoint = locked_endpoints.filter(pk=pointer.endpoint_id).first()
    if endpoint is None:
        return None  # Cleared away meanwhile.
    if not endpoint.is_enabled:
        # Announced by a transaction that had read the endpoint before it was switched off or
        # deleted.
        endpoints.abandon_waiting(endpoint, at=at)
        return None
    calls = _calls(endpoint, at)
    if calls.total() >= rules.AT_ONCE or calls[endpoint.pk] >= rules.at_once(
        endpoint.failing_since
    ):
        return None  # Who ends a call nudges the next; the sweeper comes round besides.
    own = WebhookDelivery.objects.filter(endpoint=endpoint)
    locked = own.due(at).select_for_update(skip_locked=True, of=("self",))
    delivery: WebhookDelivery | None = locked.filter(pk=delivery_id).select_related("event").first()
    if delivery is None:
        return None
    delivery.attempts += 1
    delivery.tries += 1
    delivery.lease_until = at + LEASE
    delivery.save(update_fields=["attempts", "tries", "lease_until"])
    return _prepare(delivery, endpoint, at)


def _prepare(delivery: WebhookDelivery, endpoint: WebhookEndpoint, at: datetime) -> Claim:
    body = body_of(delivery.event, endpoint.api_version)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        **headers_of(str(delivery.event_id), at=at, body=body, keys=endpoint.secrets(at)),
    }
    WebhookAttempt.objects.create(
        organization_id=delivery.organization_id,
        delivery=delivery,
        number=delivery.attempts,
        request_headers=headers,
    )
    return Claim(delivery, delivery.attempts, at + LEASE, endpoint.url, body, headers)


def _calls(endpoint: WebhookEndpoint, at: datetime) -> Counter[UUID]:
    """Count the calls under way by endpoint, for all endpoints of the organization."""
    # By way of its few endpoints: the index of what is leased begins with them.
    rows = WebhookDelivery.objects.filter(endpoint__organization_id=endpoint.organization_id)
    return Counter(rows.in_flight(at).order_by().values_list("endpoint_id", flat=True))


def _call(claim: Claim) -> Outcome:
    begun = time.monotonic()

    def took() -> int:
        return int((time.monotonic() - begun) * 1000)

    try:
        answer = http.post(claim.url, body=claim.body, headers=claim.headers)
    except http.AddressRefused as refused:
        return Outcome(took(), code=refused.code, error=refused.detail)
    except GatewayError as error:
        return Outcome(took(), code=error.code, error=str(error))
    code = ""
    if not rules.is_success(answer.status):
        code = "redirected" if 300 <= answer.status < 400 else "http_error"
    return Outcome(took(), answer.status, answer.headers, answer.body, code)


@transaction.atomic
def _record(claim: Claim, outcome: Outcome, *, at: datetime) -> None:
    """Write down what came of a try and what follows from it."""
    delivery_id, endpoint_id = claim.delivery.pk, claim.delivery.endpoint_id
    locked = WebhookEndpoint.objects.kept().select_for_update(no_key=True)
    endpoint = locked.filter(pk=endpoint_id).first()
    if endpoint is None:
        return  # Deleted meanwhile.
    _close_attempt(claim, outcome, at)
    delivery = WebhookDelivery.objects.select_for_update().get(pk=delivery_id)
    # Not when it was begun anew meanwhile: the new schedule starts with its own first try.
    is_current = delivery.lease_until == claim.lease_until
    if delivery.status == Status.PENDING and not outcome.code:
        _succeed(delivery, endpoint, outcome, at)
    elif delivery.status == Status.PENDING and is_current:
        _fail(delivery, endpoint, outcome, at)
    _nudge_next(endpoint, at)


def _close_attempt(claim: Claim, outcome: Outcome, at: datetime) -> None:
    WebhookAttempt.objects.filter(delivery=claim.delivery, number=claim.number).update(
        finished_at=at,
        response_status=outcome.status,
        response_headers=_shortened(outcome.headers),
        response_body=_as_text(outcome.body),
        latency_ms=outcome.latency_ms,
        error_code=outcome.code,
        error=_as_text(outcome.error.encode())[:200],
    )


def _succeed(
    delivery: WebhookDelivery, endpoint: WebhookEndpoint, outcome: Outcome, at: datetime
) -> None:
    _finish(delivery, Status.SUCCEEDED, outcome, at)
    if endpoint.failing_since is not None:
        endpoint.failing_since, endpoint.failure_streak = None, 0
        endpoint.save(update_fields=["failing_since", "failure_streak"])
    logger.info("webhook.delivered", delivery_id=str(delivery.pk))


def _fail(
    delivery: WebhookDelivery, endpoint: WebhookEndpoint, outcome: Outcome, at: datetime
) -> None:
    wait = rules.wait_after(delivery.tries, random.random())  # noqa: S311  no secret
    is_gone = outcome.status == rules.GONE
    if is_gone or wait is None:
        _finish(delivery, Status.FAILED, outcome, at)
    else:
        _note(delivery, outcome)
        delivery.next_attempt_at, delivery.lease_until = at + wait, None
        delivery.save()
    endpoint.failing_since = endpoint.failing_since or at
    endpoint.failure_streak += 1
    endpoint.save(update_fields=["failing_since", "failure_streak"])
    logger.info("webhook.failed", delivery_id=str(delivery.pk), code=outcome.code)
    if not endpoint.is_enabled:
        return
    if is_gone:
        endpoints.give_up(endpoint, reason="It answered 410 Gone.", at=at)
    elif rules.is_given_up(endpoint.failing_since, endpoint.failure_streak, at):
        days = (at - endpoint.failing_since).days
        endpoints.give_up(endpoint, reason=f"Nothing arrived for {days} days.", at=at)


def _finish(delivery: WebhookDelivery, status: str, outcome: Outcome, at: datetime) -> None:
    _note(delivery, outcome)
    delivery.status, delivery.finished_at = status, at
    delivery.next_attempt_at = delivery.lease_until = None
    delivery.save()


def _note(delivery: WebhookDelivery, outcome: Outcome) -> None:
    delivery.response_status = outcome.status
    delivery.latency_ms = outcome.latency_ms
    delivery.error_code = outcome.code


def _nudge_next(endpoint: WebhookEndpoint, at: datetime) -> None:
    """Let the organization's next in line follow at once, not at the sweeper's next round.

    Endpoints with fewer calls under way come first, and among these chance decides: a long line
    at one does not hold the others up.
    """
    calls = _calls(endpoint, at)
    enabled = WebhookEndpoint.objects.for_organization(endpoint.organization_id).enabled()
    due = WebhookDelivery.objects.due(at)
    waited_for = enabled.filter(Exists(due.filter(endpoint=OuterRef("pk"))))
    free = [each for each in waited_for if calls[each.pk] < rules.at_once(each.failing_since)]
    if not free:
        return
    chosen = min(free, key=lambda each: (calls[each.pk], random.random()))  # noqa: S311  no secret
    waiting = due.filter(endpoint=chosen).order_by("next_attempt_at", "id")
    following = waiting.values_list("pk", flat=True).first()
    if following is not None:
        events.webhook_due.send(WebhookDelivery, delivery_id=following)


def _shortened(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Keep what tells something about a failure, within 4 kB."""
    kept: dict[str, Any] = {}
    left = rules.STORED
    for name, value in headers[:40]:
        left -= len(name) + len(value[:400])
        if left < 0:
            break
        kept[_as_text(name.encode())] = _as_text(value[:400].encode())
    return kept


def _as_text(raw: bytes) -> str:
    """Return at most 4 kB as text that PostgreSQL can hold."""
    return raw[: rules.STORED].decode("utf-8", "replace").replace("\x00", "\ufffd")
