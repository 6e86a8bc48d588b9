"""How many devices are online: counted in Redis, or from the last check-ins when it is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from config.kit.scripts import CacheAway
from licensing.gateways import cache

STORED_WITHIN = timedelta(minutes=2)
"""A heartbeat counts for 60 s and reaches the database about as much later."""
AT_ONCE = 1000
"""Devices asked about in one call to Redis."""

Devices = Sequence[tuple[UUID, datetime | None]]


@dataclass(frozen=True, slots=True)
class Presence:
    """`exact` is false when the count is from the database and up to two minutes old."""

    online: int
    total: int
    exact: bool

    @property
    def words(self) -> str:
        if not self.total:
            return "none activated yet"
        return "counted just now" if self.exact else "seen in the last two minutes"


def presence_of(devices: Devices, at: datetime) -> Presence:
    """Count the devices whose heartbeat is alive, without a query."""
    keys = [key for key, _ in devices]
    try:
        online = sum(
            len(cache.online(keys[start : start + AT_ONCE]))
            for start in range(0, len(keys), AT_ONCE)
        )
    except CacheAway:
        seen = sum(1 for _, last in devices if last and at - last <= STORED_WITHIN)
        return Presence(seen, len(keys), exact=False)
    return Presence(online, len(keys), exact=True)
