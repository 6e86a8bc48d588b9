"""A license as the caches hold it: facts and their version, written and read as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from licensing.rules.validity import Facts


class CorruptSnapshot(ValueError):
    """What was read is not what we wrote."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The facts of one license at one version."""

    license_id: UUID
    version: int
    plan: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Seat:
    """A device that is active on the license."""

    link_id: UUID
    activated_at: datetime


def dump_snapshot(snapshot: Snapshot) -> bytes:
    return orjson.dumps(snapshot)


@lru_cache(maxsize=2048)
def load_snapshot(stored: bytes) -> Snapshot:
    """Read a snapshot; the same bytes are read once, since all devices of a license share them."""
    try:
        value: dict[str, Any] = orjson.loads(stored)
        facts = value["facts"]
        facts["starts_at"] = datetime.fromisoformat(facts["starts_at"])
        if facts["expires_at"] is not None:
            facts["expires_at"] = datetime.fromisoformat(facts["expires_at"])
        return Snapshot(
            license_id=UUID(value["license_id"]),
            version=_whole(value["version"]),
            plan=value["plan"],
            facts=_checked(Facts(**facts)),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptSnapshot from error


def dump_seat(seat: Seat | None) -> bytes:
    """Write a seat; nothing for a device that is known to have none."""
    return b"" if seat is None else orjson.dumps(seat)


def load_seat(stored: bytes) -> Seat | None:
    if not stored:
        return None
    try:
        value = orjson.loads(stored)
        return Seat(UUID(value["link_id"]), datetime.fromisoformat(value["activated_at"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptSnapshot from error


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise CorruptSnapshot
    return value


def _checked(facts: Facts) -> Facts:
    if not all(isinstance(text, str) for text in (facts.status, facts.suspended_reason)):
        raise CorruptSnapshot
    _whole(facts.max_devices)
    _whole(facts.active_devices)
    if facts.starts_at.tzinfo is None or (facts.expires_at and facts.expires_at.tzinfo is None):
        raise CorruptSnapshot
    return facts
