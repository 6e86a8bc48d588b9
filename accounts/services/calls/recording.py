"""Recording API calls: one entry on a Redis stream each, cheap enough for every request."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import transaction

from accounts.gateways import call_stream
from accounts.gateways.call_stream import StreamAway
from accounts.models import CallRecording, Organization
from accounts.rules.calls import MOST_MILLISECONDS, VALID, Call, clean_endpoint
from accounts.rules.redaction import redact
from config.kit.errors import Unavailable
from config.kit.ids import uuid7

logger = structlog.get_logger(__name__)


def record(
    organization_id: UUID,
    api_key_id: UUID,
    *,
    endpoint: str,
    method: str,
    status_code: int,
    latency_ms: float,
    product: str = "",
    outcome: str = VALID,
) -> UUID | None:
    """Note a call that was just answered; return its id, None when it could not be noted.

    Never raises for a Redis that is away: the caller's answer matters more than the note. A call
    that is lost so, or for a full stream, is an error in the log, never silent.
    """
    call = Call(
        id=uuid7(),
        organization_id=organization_id,
        api_key_id=api_key_id,
        endpoint=clean_endpoint(endpoint),
        method=method.upper(),
        status_code=status_code,
        latency_ms=min(max(round(latency_ms), 0), MOST_MILLISECONDS),
        product=product,
        outcome=outcome,
    )
    try:
        if call_stream.add([call]):
            return call.id
    except StreamAway:
        pass
    logger.error("calls.not_recorded", organization_id=str(organization_id))
    return None


def record_reported(organization: Organization, calls: Sequence[Call]) -> None:
    """Take what a customer's own service tells; all of it is on the stream, or `Unavailable`.

    Bodies are redacted and shortened before they leave this process, and dropped unless the
    organization asked for them.
    """
    if not calls:
        return
    keeps = keeps_bodies(organization)
    try:
        room = call_stream.add([_with_bodies(call, keeps) for call in calls])
    except StreamAway as error:
        raise Unavailable from error
    if room < len(calls):
        logger.error("calls.stream_full", organization_id=str(organization.pk))
        raise Unavailable("The recorder is behind. Send the same calls again in a minute.")


def keeps_bodies(organization: Organization) -> bool:
    rows = CallRecording.objects.for_organization(organization)
    return bool(rows.filter(keeps_bodies=True).exists())


def _with_bodies(call: Call, keeps: bool) -> Call:
    return Call(
        id=call.id,
        organization_id=call.organization_id,
        api_key_id=call.api_key_id,
        endpoint=clean_endpoint(call.endpoint),
        method=call.method,
        status_code=call.status_code,
        latency_ms=call.latency_ms,
        product=call.product,
        outcome=call.outcome,
        request_body=redact(call.request_body) if keeps and call.request_body else None,
        response_body=redact(call.response_body) if keeps and call.response_body else None,
        reported=True,
    )


@transaction.atomic
def keep_bodies(organization: Organization, wanted: bool) -> None:
    """Keep bodies of the calls reported from now on, or stop; the trail holds who said so."""
    row, _ = CallRecording.objects.get_or_create(organization=organization)
    row = CallRecording.objects.select_for_update().get(pk=row.pk)
    if row.keeps_bodies != wanted:
        row.keeps_bodies = wanted
        row.save(update_fields=["keeps_bodies"])
