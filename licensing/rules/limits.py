"""How often a device may ask, and how long what is cached may live. Seconds throughout."""

from __future__ import annotations

import hashlib
import random
from datetime import datetime

WINDOW = 60
# Per device and endpoint within a window. A device at normal cadence beats two or three times
# and validates once, so an office of any size behind one address never meets these.
PER_DEVICE = {"validate": 60, "heartbeat": 30, "activate": 60, "deactivate": 60}
# A validation that names no device is counted for the whole license.
PER_LICENSE_VALIDATE = 1200
WRONG_SECRETS_PER_ADDRESS = 10

ONLINE = 60
CACHE = 3600
# Facts that are over cannot be bounded by their end any more; they are kept briefly.
CACHE_AFTER_END = 60
BEAT = (25, 30)
SIGHTING_EVERY = 60


def cache_seconds(expires_at: datetime | None, now: datetime) -> float:
    """Return how long facts may be kept: an hour at most, never beyond the license's end."""
    if expires_at is None:
        return CACHE
    ahead = (expires_at - now).total_seconds()
    return min(CACHE, ahead) if ahead > 0 else CACHE_AFTER_END


def next_beat() -> int:
    """Return when to beat again; spread, so that devices do not come in herds."""
    return random.randint(*BEAT)  # noqa: S311  spreads load, guards nothing


def caller(key_hash: str, device_id: str) -> str:
    """Name one device of one license in a counter's key.

    Device ids are chosen by programs: two customers may use the same, and nobody may spend
    another's allowance by sending their device's id with a key of their own.
    """
    return hashlib.blake2b(f"{key_hash}:{device_id}".encode(), digest_size=16).hexdigest()
