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
from accounts.services.calls.recording import keeps_bodies
from config.kit.errors import Unavailable
from config.kit.scripts import CacheAway

logger = structlog.get_logger(__name__)
_TRIES = 3  # a counter may be begun, and be gone again


def record_reported(organization: Organization, calls: Sequence[Call]) -> None:
    """Take what a customer's own service tells; all of it is on the stream, or `Unavailable`.

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
    counted = [(call, _counter(call, apart)) for call in told if _counts(call)]
    try:
        room = call_stream.add([call for call in told if not _counts(call)])
        room += _add_counted(organization, counted)
    except (StreamAway, CacheAway) as error:
        raise Unavailable from error
    if room < len(calls):
        logger.error("calls.stream_full", organization_id=str(organization.pk))
        raise Unavailable("The recorder is behind. Send the same calls again in a minute.")


def _add_counted(organization: Organization, waiting: Sequence[tuple[Call, str]]) -> int:
    """Append and count; begin the counters that are not there with what is known to be used."""
    taken = 0
    for _ in range(_TRIES):
        if not waiting:
            return taken
        _begin_counters(organization, waiting)
        results = call_stream.add_counted(waiting)
        taken += results.count(1)
        waiting = [each for each, result in zip(waiting, results, strict=True) if result == -1]
    return taken


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
