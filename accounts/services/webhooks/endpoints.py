"""Endpoints: made, changed, given new secrets, switched off and on, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from accounts.rules.deliveries import OVERLAP, DeliveryStatus
from accounts.rules.signing import make_secret
from accounts.services import audit
from accounts.services.notifications import notify
from accounts.services.webhooks.catalogue import require_known
from config.kit import http
from config.kit.errors import Conflict, GatewayError, InvalidInput, LimitReached
from config.kit.ids import seal

MOST = 20
_BATCH = 2000
Status = WebhookEndpoint.Status


class EndpointDisabled(Conflict):
    code = "endpoint_disabled"
    message = "This endpoint is disabled. Enable it first."


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint and its secret, which is shown this once."""

    endpoint: WebhookEndpoint
    secret: str


def check_url(url: str) -> str:
    """Refuse an address that we would not call. It asks the name server: not inside a lock."""
    try:
        http.resolve(url)
    except (http.AddressRefused, GatewayError) as error:
        detail = error.detail if isinstance(error, http.AddressRefused) else str(error)
        raise InvalidInput(
            errors=[{"pointer": "/url", "code": "address_refused", "detail": detail}]
        ) from error
    return url


def create_endpoint(
    organization: Organization, *, url: str, event_types: list[str], description: str = ""
) -> Made:
    """Check the address and add an endpoint; not inside a transaction: name servers may be slow."""
    check_url(url)
    return add_endpoint(organization, url=url, event_types=event_types, description=description)


@transaction.atomic
def add_endpoint(
    organization: Organization, *, url: str, event_types: list[str], description: str = ""
) -> Made:
    """Add an endpoint whose address was checked; at most 20 an organization."""
    wanted = require_known(event_types)
    # The organization's row is the lock: two at once must not both be the twentieth.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if WebhookEndpoint.objects.for_organization(organization).count() >= MOST:
        raise LimitReached(f"An organization has at most {MOST} endpoints.", limit=MOST)
    secret = make_secret()
    endpoint = WebhookEndpoint.objects.create(
        organization=organization,
        url=url,
        description=description,
        event_types=wanted,
        secret_sealed=seal(secret),
    )
    return Made(endpoint, secret)


def update_endpoint(
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    event_types: list[str] | None = None,
    description: str | None = None,
) -> WebhookEndpoint:
    """Check a new address and change what is given; not inside a transaction.

    Messages that wait go to the new address.
    """
    if url is not None and url != endpoint.url:
        check_url(url)
    return _change(endpoint, url, event_types, description)


@transaction.atomic
def _change(
    endpoint: WebhookEndpoint,
    url: str | None,
    event_types: list[str] | None,
    description: str | None,
) -> WebhookEndpoint:
    wanted = None if event_types is None else require_known(event_types)
    endpoint = _lock(endpoint)
    endpoint.url = endpoint.url if url is None else url
    endpoint.event_types = endpoint.event_types if wanted is None else wanted
    endpoint.description = endpoint.description if description is None else description
    endpoint.save(update_fields=["url", "event_types", "description"])
    return endpoint


@transaction.atomic
def roll_secret(endpoint: WebhookEndpoint, *, at: datetime) -> Made:
    """Give a new secret; for 24 hours messages are signed with the former one as well."""
    endpoint = _lock(endpoint)
    secret = make_secret()
    endpoint.former_secret_sealed = endpoint.secret_sealed
    endpoint.former_secret_expires_at = at + OVERLAP
    endpoint.secret_sealed = seal(secret)
    endpoint.save(
        update_fields=["secret_sealed", "former_secret_sealed", "former_secret_expires_at"]
    )
    audit.record("webhook.secret_rolled", endpoint)
    return Made(endpoint, secret)


@transaction.atomic
def enable_endpoint(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Call the endpoint again; what it missed is replayed only when asked for."""
    endpoint = _lock(endpoint)
    if endpoint.is_enabled:
        return endpoint
    endpoint.status, endpoint.disabled_reason, endpoint.disabled_at = Status.ENABLED, "", None
    endpoint.failing_since, endpoint.failure_streak = None, 0
    endpoint.save(update_fields=[
        "status", "disabled_reason", "disabled_at", "failing_since", "failure_streak",
    ])  # fmt: skip
    return endpoint


@transaction.atomic
def disable_endpoint(endpoint: WebhookEndpoint, *, reason: str = "") -> WebhookEndpoint:
    """Stop calling the endpoint; what waits is abandoned and may be replayed later."""
    endpoint = _lock(endpoint)
    if endpoint.is_enabled:
        _switch_off(endpoint, Status.DISABLED, reason or "Disabled by a member.", now())
    return endpoint


def give_up(endpoint: WebhookEndpoint, *, reason: str, at: datetime) -> None:
    """Disable a locked endpoint that does not answer, and tell its people."""
    _switch_off(endpoint, Status.AUTO_DISABLED, reason, at)
    audit.record("webhook.auto_disabled", endpoint, reason=reason)
    notify(
        endpoint.organization_id,
        "webhook_disabled",
        title="A webhook endpoint was disabled",
        text=f"{endpoint.url[:200]}: {reason} Repair it, enable it, and replay what it missed.",
        url=f"/webhooks/{endpoint.pk}/",
        severity="critical",
        source=f"webhook_disabled:{endpoint.pk}:{at.isoformat()}",
    )


@transaction.atomic
def delete_endpoint(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Forget the endpoint and its secrets at once; `clear_deleted` then clears its record away."""
    own = WebhookEndpoint.objects.for_organization(endpoint.organization_id)
    locked = own.select_for_update(no_key=True).filter(pk=endpoint.pk).first()
    if locked is None:
        return
    _switch_off(locked, Status.DISABLED, "Deleted.", at)
    locked.secret_sealed, locked.deleted_at = b"", at
    locked.former_secret_sealed = locked.former_secret_expires_at = None
    locked.save(update_fields=[
        "secret_sealed", "former_secret_sealed", "former_secret_expires_at", "deleted_at",
    ])  # fmt: skip
    audit.record("webhook.deleted", locked)


def clear_deleted() -> None:
    """Clear deleted endpoints away with the record of their deliveries.

    A batch a transaction: what was broken off goes on with the next run.
    """
    for key in WebhookEndpoint.objects.deleted().values_list("pk", flat=True):
        while _clear_some(key):
            pass


@transaction.atomic
def _clear_some(key: UUID) -> bool:
    """Clear a batch away, the endpoint itself with the last; True while there is more to do."""
    # The strong lock: who still announces to it at this moment waits, so that no row is missed.
    free = WebhookEndpoint.objects.deleted().select_for_update(skip_locked=True)
    endpoint = free.filter(pk=key).first()
    if endpoint is None:
        return False
    record = WebhookDelivery.objects.filter(endpoint=endpoint).order_by()
    keys = list(record.values_list("pk", flat=True)[:_BATCH])
    record.filter(pk__in=keys).delete()
    if len(keys) < _BATCH:
        endpoint.delete()
        return False
    return True


def require_enabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_enabled:
        raise EndpointDisabled


def _switch_off(endpoint: WebhookEndpoint, status: str, reason: str, at: datetime) -> None:
    endpoint.status, endpoint.disabled_reason, endpoint.disabled_at = status, reason[:200], at
    endpoint.save(update_fields=["status", "disabled_reason", "disabled_at"])
    abandon_waiting(endpoint, at=at)


def abandon_waiting(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Give up what waits for a locked endpoint that is not called; it may be replayed later."""
    waiting = WebhookDelivery.objects.for_organization(endpoint.organization_id)
    waiting.filter(endpoint=endpoint, status=DeliveryStatus.PENDING).update(
        status=DeliveryStatus.ABANDONED, next_attempt_at=None, lease_until=None, finished_at=at
    )


def _lock(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    own = WebhookEndpoint.objects.for_organization(endpoint.organization_id)
    locked: WebhookEndpoint = own.select_for_update(no_key=True).get(pk=endpoint.pk)
    return locked
