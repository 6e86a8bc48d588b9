"""What licensing keeps in Redis, in our words. Every function may raise `CacheAway`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from config.kit.errors import TooManyRequests
from config.kit.scripts import CacheRefused, Script
from licensing.gateways import scripts
from licensing.rules import limits
from licensing.rules.snapshots import (
    CorruptSnapshot,
    Seat,
    Snapshot,
    dump_seat,
    dump_snapshot,
    load_seat,
    load_snapshot,
)

logger = structlog.get_logger(__name__)
VALIDATED = "licensing:validated"
SEEN = "licensing:seen"
# Longer than any cached facts live, so that a floor outlives everything it forbids.
_FLOOR_SECONDS = 2 * limits.CACHE
_NO_DEVICE = "-"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of a limit is used: `left_ms` until the window ends."""

    limit: int
    used: int
    left_ms: int

    @property
    def seconds(self) -> int:
        return max(1, -(-self.left_ms // 1000))

    def require(self) -> None:
        """Raise `RateLimited` when the limit is passed."""
        if self.used > self.limit:
            raise TooManyRequests(limit=self.limit, retry_after=self.seconds)


@dataclass(frozen=True, slots=True)
class LicenseHit:
    """Facts from the cache; `seat` counts only when `knows_device`."""

    allowance: Allowance
    snapshot: Snapshot | None = None
    seat: Seat | None = None
    knows_device: bool = False


@dataclass(frozen=True, slots=True)
class BeatHit:
    """The answer to a heartbeat; nothing known when there is no allowance."""

    allowance: Allowance | None = None
    snapshot: Snapshot | None = None
    wrong_token: bool = False


def counter(who: str, endpoint: str) -> str:
    return f"ratelimit:{who}:{endpoint}"


def count(who: str, endpoint: str, *, limit: int) -> Allowance:
    """Count one request of `who`."""
    used, left = scripts.COUNT([counter(who, endpoint)], limit, limits.WINDOW)
    return Allowance(limit, used, left)


def read_license(
    key_hash: str, device_id: str | None, *, who: str, limit: int, now: float
) -> LicenseHit:
    """Count the request and return what is known of the license and the device."""
    key = f"license:{key_hash}"
    used, left, *found = _read(
        scripts.READ_LICENSE,
        [key, counter(who, "validate"), VALIDATED],
        limit,
        limits.WINDOW,
        _field(device_id),
        now,
    )
    allowance = Allowance(limit, used, left)
    if not found:
        return LicenseHit(allowance)
    facts, device = found
    try:
        snapshot = load_snapshot(facts)
        seat = load_seat(device) if device is not None else None
    except CorruptSnapshot:
        logger.warning("license.cache_corrupt")
        drop(key)
        return LicenseHit(allowance)
    known = device_id is None or device is not None
    return LicenseHit(allowance, snapshot, seat, known)


def store_license(
    key_hash: str, device_id: str | None, snapshot: Snapshot, seat: Seat | None, *, now: datetime
) -> bool:
    """Keep facts and note the validation; False when newer facts are known."""
    return bool(
        scripts.STORE(
            [f"license:{key_hash}", VALIDATED],
            str(snapshot.license_id),
            snapshot.version,
            _milliseconds(snapshot, now),
            dump_snapshot(snapshot),
            _field(device_id),
            dump_seat(seat),
            now.timestamp(),
        )
    )


def raise_floor(license_id: UUID, key_hash: str, version: int) -> None:
    """From now on facts older than `version` are neither served nor stored."""
    scripts.RAISE_FLOOR(
        [f"license:{license_id}:floor", f"license:{key_hash}"], version, _FLOOR_SECONDS
    )


def beat(link_id: UUID, token_hash: str, *, now: float) -> BeatHit:
    """Note a heartbeat when the token is the cached one, and return the license's facts."""
    limit = limits.PER_DEVICE["heartbeat"]
    key = f"device:{link_id}:license"
    outcome, *found = _read(
        scripts.BEAT,
        [key, f"device:{link_id}:online", counter(str(link_id), "heartbeat"), SEEN],
        token_hash,
        limit,
        limits.WINDOW,
        limits.ONLINE,
        now,
        str(link_id),
    )
    if outcome != b"ok":
        return BeatHit(wrong_token=outcome == b"token")
    used, left, *facts = found
    allowance = Allowance(limit, used, left)
    allowance.require()
    try:
        return BeatHit(allowance, load_snapshot(facts[0]))
    except CorruptSnapshot:
        logger.warning("device.cache_corrupt", link_id=str(link_id))
        drop(key)
        return BeatHit()


def store_device(link_id: UUID, token_hash: str, snapshot: Snapshot, *, now: datetime) -> bool:
    """Keep what a heartbeat needs; False when newer facts are known."""
    return bool(
        scripts.STORE(
            [f"device:{link_id}:license"],
            str(snapshot.license_id),
            snapshot.version,
            _milliseconds(snapshot, now),
            dump_snapshot(snapshot),
            "token",
            token_hash,
        )
    )


def forget_device(link_id: UUID) -> None:
    """A deactivated device is offline at once."""
    scripts.FORGET_DEVICE([f"device:{link_id}:online", f"device:{link_id}:license"])


def online(link_ids: Sequence[UUID]) -> set[UUID]:
    """Return those that beat within the last 60 seconds."""
    if not link_ids:
        return set()
    answers = scripts.ONLINE([f"device:{link_id}:online" for link_id in link_ids])
    return {link_id for link_id, found in zip(link_ids, answers, strict=True) if found}


def note_time(name: str, member: UUID, *, at: float) -> None:
    """Let `at` be written for this row, unless a later time waits already."""
    scripts.NOTE_TIME([name], at, str(member))


def due_touches(name: str, *, now: float, most: int) -> dict[UUID, float]:
    """Return times that wait to be written, of rows not written within the last minute."""
    flat = scripts.DUE_TOUCHES([name, f"{name}:written"], now, limits.SIGHTING_EVERY, most)
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {UUID(member.decode()): float(at) for member, at in pairs}


def confirm_touches(name: str, written: dict[UUID, float], *, now: float) -> None:
    """Forget times that are in the database, unless a later one has come."""
    flat = [part for member, at in written.items() for part in (str(member), at)]
    scripts.CONFIRM_TOUCHES([name, f"{name}:written"], now, *flat)


def drop(key: str) -> None:
    scripts.DROP([key])


def _read(script: Script, keys: list[str], *arguments: Any) -> Any:
    """Run a reading script; drop its first key when Redis refuses to read it, so that it heals."""
    try:
        return script(keys, *arguments)
    except CacheRefused:
        drop(keys[0])
        raise


def _milliseconds(snapshot: Snapshot, now: datetime) -> int:
    return max(1, int(limits.cache_seconds(snapshot.facts.expires_at, now) * 1000))


def _field(device_id: str | None) -> str:
    return _NO_DEVICE if device_id is None else f"device:{device_id}"
