"""Recording API calls: one entry on a Redis stream each, cheap enough for every request."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db import transaction

from accounts.gateways import call_stream
from accounts.gateways.call_stream import StreamAway
from accounts.models import CallRecording, Organization
from accounts.rules.calls import MOST_MILLISECONDS, VALID, Call, clean_endpoint
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


def keeps_bodies(organization: Organization) -> bool:
    rows = CallRecording.objects.for_organization(organization)
    return bool(rows.filter(keeps_bodies=True).exists())


@transaction.atomic
def keep_bodies(organization: Organization, wanted: bool) -> None:
    """Keep bodies of the calls reported from now on, or stop; the trail holds who said so."""
    row, _ = CallRecording.objects.get_or_create(organization=organization)
    row = CallRecording.objects.select_for_update().get(pk=row.pk)
    if row.keeps_bodies != wanted:
        row.keeps_bodies = wanted
        row.save(update_fields=["keeps_bodies"])
