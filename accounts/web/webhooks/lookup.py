"""The organization's own endpoints and deliveries; another's look unknown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from accounts.models import WebhookDelivery, WebhookEndpoint
from config.kit.errors import NotFound


def own_endpoint(request: Any, endpoint_id: UUID) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.for_organization(request.organization)
    found: WebhookEndpoint | None = rows.filter(pk=endpoint_id).first()
    if found is None:
        raise NotFound
    return found


def own_delivery(request: Any, endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    rows = WebhookDelivery.objects.for_organization(request.organization)
    known = rows.kept().select_related("event", "endpoint")
    found: WebhookDelivery | None = known.filter(pk=delivery_id, endpoint=endpoint_id).first()
    if found is None:
        raise NotFound
    return found
