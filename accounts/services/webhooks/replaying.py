"""Sending again: one message, some, or all that failed since a moment; and a message to try."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.rules.deliveries import KEPT, DeliveryStatus
from accounts.rules.event_types import TEST, written
from accounts.services import audit
from accounts.services.webhooks.announcing import store
from accounts.services.webhooks.catalogue import event_types
from accounts.services.webhooks.endpoints import require_enabled
from config.kit.errors import DomainError, NotFound

MOST = 1000
_BATCH = 2000


class TooManyToReplay(DomainError):
    code = "too_many_to_replay"
    status = 422
    message = f"More than {MOST:,} deliveries match. Choose a later moment."


@transaction.atomic
def send_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send the endpoint, and only it, an event of type `webhook.test`."""
    own = WebhookEndpoint.objects.for_organization(endpoint.organization_id)
    endpoint = own.select_for_update(no_key=True).get(pk=endpoint.pk)
    require_enabled(endpoint)
    payload = {
        **event_types()[TEST].example,
        "endpoint": str(endpoint.pk),
        "sent_at": written(now()),
    }
    event = store(endpoint.organization_id, TEST, payload, [endpoint])
    delivery: WebhookDelivery = event.deliveries.get()
    return delivery


@transaction.atomic
def replay(delivery: WebhookDelivery) -> WebhookDelivery:
    """Send a message again, whether it arrived or not, at once and with a fresh schedule."""
    own = WebhookEndpoint.objects.for_organization(delivery.organization_id)
    endpoint = own.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
    if endpoint is None:
        raise NotFound
    require_enabled(endpoint)
    rows = WebhookDelivery.objects.for_organization(delivery.organization_id)
    locked: WebhookDelivery = rows.select_for_update().get(pk=delivery.pk)
    if locked.lease_until is not None and locked.lease_until > now():
        return locked  # It is being sent right now.
    _send_again([locked.pk], endpoint)
    audit.record("webhook.replayed", locked)
    locked.refresh_from_db()
    return locked


@transaction.atomic
def replay_failed(endpoint: WebhookEndpoint, *, since: datetime) -> int:
    """Send again what failed or was abandoned since a moment; return how many messages."""
    own = WebhookEndpoint.objects.for_organization(endpoint.organization_id)
    endpoint = own.select_for_update(no_key=True).get(pk=endpoint.pk)
    require_enabled(endpoint)
    rows = WebhookDelivery.objects.for_organization(endpoint.organization_id).unsuccessful()
    missed = rows.filter(endpoint=endpoint, created_at__gte=since).order_by("id")
    keys = list(missed.select_for_update().values_list("pk", flat=True)[: MOST + 1])
    if len(keys) > MOST:
        raise TooManyToReplay
    if keys:
        _send_again(keys, endpoint)
        audit.record("webhook.replayed", endpoint, deliveries=len(keys), since=since.isoformat())
    return len(keys)


@transaction.atomic
def replay_many(endpoint: WebhookEndpoint, delivery_ids: list[UUID]) -> int:
    """Send chosen messages of one endpoint again; ids of others' are passed over."""
    own = WebhookEndpoint.objects.for_organization(endpoint.organization_id)
    endpoint = own.select_for_update(no_key=True).get(pk=endpoint.pk)
    require_enabled(endpoint)
    rows = WebhookDelivery.objects.for_organization(endpoint.organization_id)
    chosen = rows.filter(endpoint=endpoint, pk__in=delivery_ids[:MOST]).order_by("id")
    free = chosen.exclude(pk__in=chosen.in_flight(now()).values("pk"))
    keys = list(free.values_list("pk", flat=True))
    if keys:
        _send_again(keys, endpoint)
        audit.record("webhook.replayed", endpoint, deliveries=len(keys))
    return len(keys)


def forget_old(*, at: datetime, kept: timedelta = KEPT) -> int:
    """Delete events older than 30 days with their deliveries; return how many events."""
    gone = 0
    while True:
        old = WebhookEvent.objects.filter(created_at__lt=at - kept).order_by()
        keys = list(old.values_list("pk", flat=True)[:_BATCH])
        if not keys:
            return gone
        # The rows that belong to it go first: Django's cascade, a batch a transaction.
        WebhookEvent.objects.filter(pk__in=keys).delete()
        gone += len(keys)


def _send_again(keys: list[UUID], endpoint: WebhookEndpoint) -> None:
    WebhookDelivery.objects.for_organization(endpoint.organization_id).filter(pk__in=keys).update(
        status=DeliveryStatus.PENDING,
        next_attempt_at=now(),
        lease_until=None,
        finished_at=None,
        tries=0,
    )
    for key in keys:
        events.webhook_due.send(WebhookDelivery, delivery_id=key)
