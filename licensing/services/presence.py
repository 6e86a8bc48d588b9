"""Which devices are there right now."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from config.kit.scripts import CacheAway
from licensing.gateways import cache
from licensing.models import DeviceLink


def online_devices(link_ids: Sequence[UUID]) -> set[UUID]:
    """Return those that beat within 60 seconds; nobody when Redis is away, since nobody knows."""
    try:
        return cache.online(link_ids)
    except CacheAway:
        return set()


def device_states(devices: Sequence[DeviceLink]) -> dict[UUID, str]:
    """Return online, offline or deactivated for each device; unknown when Redis is away."""
    active = [device.pk for device in devices if device.is_active]
    states = dict.fromkeys([device.pk for device in devices], "deactivated")
    try:
        online = cache.online(active)
    except CacheAway:
        return states | dict.fromkeys(active, "unknown")
    return states | {pk: "online" if pk in online else "offline" for pk in active}
