"""Calls that customers' own services report: on the stream, and counted towards the quota at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.utils.timezone import now

from accounts.gateways import call_stream, key_cache
from accounts.gateways.call_stream import StreamAway
from accounts.models import ApiAllowance, Organization
from accounts.rules.calls import OWN_API, VALID, Call, clean_endpoint
from accounts.rules.redaction import redact
from accounts.services import limits
from accounts.services.calls.identity import REPORTED
from accounts.services.calls.recording import keeps_bodies
from config.kit.errors import Unavailable
from config.kit.ids import keyed_hash
from config.kit.scripts import CacheAway

logger = structlog.get_logger(__name__)
_TRIES = 3  # a counter may be begun, and be gone again


def record_reported(organization: Organization, calls: Sequence[Call]) -> None:
    """Take what a customer's own service tells; all of it is on the stream, or nothing and `Unavailable`.

    Each moves the quota of its product and month as a verification does, except one that
    completes a verified call: that one counted. It has been made, so a quota that is used up does
    not refuse it. Bodies are redacted and shortened before they leave this process, and dropped
    unless the organization asked for them.
    """
    if not calls:
        return
    keeps = keeps_bodies(organization)
    told = [_ready(call, keeps) for call in calls]
    apart = set(
        ApiAllowance.objects.for_organization(organization).values_list("product", flat=True)
    )
    batch = [(call, _counter(call, apart) if _counts(call) else "") for call in told]
    try:
        taken = _add(organization, batch)
    except (StreamAway, CacheAway) as error:
        raise Unavailable from error
    if not taken:
        logger.error("calls.stream_full", organization_id=str(organization.pk))
        raise Unavailable("The recorder is behind. Send the same calls again in a minute.")


def first_told(organization: Organization, idempotency_key: str, at: datetime) -> datetime:
    """Return when calls were first told with this key: they were made then, if they do not say."""
    try:
        return call_stream.first_told(
            keyed_hash(REPORTED, f"{organization.pk} {idempotency_key}"), at
        )
    except StreamAway as error:
        raise Unavailable from error


def _add(organization: Organization, batch: Sequence[tuple[Call, str]]) -> bool:
    """Append and count; begin the counters that are not there with what is known to be used."""
    for _ in range(_TRIES):
        _begin_counters(organization, [each for each in batch if each[1]])
        result = call_stream.add_batch(batch)
        if result != -1:
            return result == 1
    return False


def _begin_counters(organization: Organization, waiting: Sequence[tuple[Call, str]]) -> None:
    at = now()
    moments = {counter: _seen_from(at, call.called_at) for call, counter in waiting}
    found = key_cache.read_counters(list(moments))
    for (counter, moment), used in zip(moments.items(), found, strict=True):
        if used is None:
            limits.restore_counter(counter, organization.pk, moment)


def _seen_from(at: datetime, called_at: datetime) -> datetime:
    """Return the latest moment, up to `at`, of the month of a call: all before it is in its sum."""
    return max(called_at, min(at, limits.month_end(called_at) - timedelta(microseconds=1)))


def _counts(call: Call) -> bool:
    """A call of our own API never counts, nor one that was refused."""
    return not call.completes and call.outcome == VALID and call.product != OWN_API


def _counter(call: Call, apart: Collection[str]) -> str:
    product = call.product if call.product in apart else ""
    return limits.counter_of(call.organization_id, product, call.called_at)


def _ready(call: Call, keeps: bool) -> Call:
    return replace(
        call,
        endpoint=clean_endpoint(call.endpoint),
        request_body=redact(call.request_body) if keeps and call.request_body else None,
        response_body=redact(call.response_body) if keeps and call.response_body else None,
    )
