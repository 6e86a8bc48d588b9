"""Devices: in and out of a license's seats, never more than it allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from django.db import transaction

from config.kit.ids import keyed_hash, random_token
from licensing import events
from licensing.gateways import cache
from licensing.models import DeviceLink, License
from licensing.rules.refusals import REFUSALS, TooManyDevices
from licensing.rules.validity import Facts, Question, verdict
from licensing.services.publishing import publish_after_commit

logger = structlog.get_logger(__name__)
_WRITTEN = (
    "name", "platform", "hostname", "app_version", "ip", "token_hash", "activated_at",
    "deactivated_at",
)  # fmt: skip
TOKEN_PREFIX = "sydt_"  # noqa: S105  says what kind of token it is


@dataclass(frozen=True, slots=True)
class Description:
    """What a device says about itself."""

    device_id: str
    name: str
    platform: str = ""
    hostname: str = ""
    app_version: str = ""
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """An active device and its new token, which is nowhere else; `created` when it took a seat."""

    device: DeviceLink
    license: License
    token: str
    created: bool
    active_devices: int


def token_hash_of(token: str) -> str:
    return keyed_hash("device-token", token)


@transaction.atomic
def activate_device(license: License, *, device: Description, at: datetime) -> Activation:
    """Give the device a seat and a new token; its former token dies.

    A device that has a seat keeps it, so repeating the call is harmless. Raises the refusal of
    an unusable license, or `TooManyDevices`.
    """
    license = License.objects.select_for_update().get(pk=license.pk)
    active = license.devices.active().count()
    _require_usable(license, active, at)
    link = license.devices.filter(device_id=device.device_id).first()
    created = link is None or not link.is_active
    if created and active >= license.max_devices:
        raise TooManyDevices(limit=license.max_devices, active=active)
    token = TOKEN_PREFIX + random_token(32)
    link = link or DeviceLink(license=license, organization_id=license.organization_id)
    _describe(link, device)
    link.token_hash = token_hash_of(token)
    if created:
        link.activated_at, link.deactivated_at = at, None
    # Named columns: a sighting written meanwhile must not be overwritten with an older one.
    link.save(update_fields=None if link._state.adding else _WRITTEN)
    publish_after_commit(license.pk)
    if created:
        events.device_activated.send(DeviceLink, device=link)
        logger.info("device.activated", link_id=str(link.pk), license_id=str(license.pk))
    return Activation(link, license, token, created, active + created)


@transaction.atomic
def deactivate_device(link: DeviceLink, *, at: datetime) -> DeviceLink:
    """Free the device's seat and kill its token; a second call changes nothing."""
    License.objects.select_for_update().get(pk=link.license_id)
    link = DeviceLink.objects.select_for_update().get(pk=link.pk)
    if not link.is_active:
        return link
    link.deactivated_at = max(at, link.activated_at)
    link.save(update_fields=["deactivated_at"])
    publish_after_commit(link.license_id, also=partial(cache.forget_device, link.pk))
    events.device_deactivated.send(DeviceLink, device=link)
    logger.info("device.deactivated", link_id=str(link.pk), license_id=str(link.license_id))
    return link


def _require_usable(license: License, active: int, at: datetime) -> None:
    facts = Facts(
        status=license.status,
        suspended_reason=license.suspended_reason,
        product="",
        starts_at=license.starts_at,
        expires_at=license.expires_at,
        max_devices=license.max_devices,
        active_devices=active,
    )
    refusal = REFUSALS.get(verdict(facts, at, Question()))
    if refusal is not None:
        raise refusal


def _describe(link: DeviceLink, device: Description) -> None:
    link.device_id = device.device_id
    link.name = device.name
    link.platform = device.platform
    link.hostname = device.hostname
    link.app_version = device.app_version
    link.ip = device.ip
