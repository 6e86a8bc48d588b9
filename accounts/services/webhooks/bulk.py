"""What is done to many deliveries at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.models import Organization, User, WebhookDelivery
from accounts.services.bulk import BulkAction
from accounts.services.webhooks.replaying import replay


def _find(organization: Organization, delivery_id: UUID) -> WebhookDelivery | None:
    return WebhookDelivery.objects.for_organization(organization).filter(pk=delivery_id).first()


def _name(delivery: WebhookDelivery) -> str:
    """Name it as the receiver does: by the type and the id of the message."""
    return f"{delivery.event.type} {delivery.event_id}"


def _replay(delivery: WebhookDelivery, params: Mapping[str, Any], by: User) -> None:
    replay(delivery)


REPLAY = BulkAction(
    "replay_deliveries",
    "Send messages again",
    "messages",
    permission="manage_webhooks",
    find=_find,
    name_of=_name,
    work=_replay,
)
