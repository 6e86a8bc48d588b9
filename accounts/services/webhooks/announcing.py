"""Announcing: the event and who is to hear of it are written with the cause, in its transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.services.webhooks.catalogue import event_types
from config.kit import context


def announce(organization_id: UUID, type: str, payload: Mapping[str, Any]) -> WebhookEvent | None:
    """Tell the organization's endpoints that want `type`; None when there are none.

    Call it inside the transaction of the cause. One query when nobody listens. The payload has
    the fields of the type's example, no more and no fewer: ids, ISO times, minor amounts, never
    a secret. Delivery is at least once.
    """
    _require_shape(type, payload)
    with context.acting(organization_id=organization_id):
        endpoints = WebhookEndpoint.objects.for_organization(organization_id).enabled()
        wanting = [each for each in endpoints.only("id", "event_types") if each.wants(type)]
        if not wanting:
            return None
        return store(organization_id, type, payload, wanting)


@transaction.atomic
def store(
    organization_id: UUID,
    type: str,
    payload: Mapping[str, Any],
    endpoints: Iterable[WebhookEndpoint],
) -> WebhookEvent:
    """Write an event and a delivery for each endpoint; nudge once that has committed."""
    event = WebhookEvent.objects.create(
        organization_id=organization_id, type=type, payload=dict(payload)
    )
    deliveries = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            organization_id=organization_id, event=event, endpoint=endpoint, next_attempt_at=now()
        )
        for endpoint in endpoints
    )
    for delivery in deliveries:
        events.webhook_due.send(WebhookDelivery, delivery_id=delivery.pk)
    return event


def _require_shape(type: str, payload: Mapping[str, Any]) -> None:
    """A payload that the catalogue does not describe is a fault of ours, not the customer's."""
    known = event_types().get(type)
    if known is None:
        raise ValueError(f"{type} is not in the catalogue of webhook events")
    if set(payload) != set(known.example):
        differing = sorted(set(payload) ^ set(known.example))
        raise ValueError(f"{type} does not have the fields of its example: {differing}")
