"""The questions programs ask all day: is this license valid, and I am still here.

On a warm cache neither touches the database. Without Redis both are answered from it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.kit.scripts import CacheAway
from licensing.gateways import cache
from licensing.gateways.cache import Allowance, LicenseHit
from licensing.models.look_ups import FoundDevice, find_device, find_license
from licensing.rules import limits
from licensing.rules.keys import read_key
from licensing.rules.refusals import DeviceNotActive, UnknownDeviceToken
from licensing.rules.snapshots import Seat, Snapshot
from licensing.rules.validity import Code, Question, verdict
from licensing.services.devices import token_hash_of
from licensing.services.licenses import hash_of


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with what it was made from; no `snapshot` when no license has the key."""

    code: Code
    snapshot: Snapshot | None = None
    seat: Seat | None = None
    allowance: Allowance | None = None


def validate(
    key: str, *, device_id: str | None, product: str | None, ip: str | None, at: datetime
) -> Answer:
    """Say whether the license may be used, by this device when one is named.

    No lock, no write: when it was last asked is noted in Redis and written later. Raises
    `RateLimited`. A key that fails its own check costs no SQL.
    """
    body = read_key(key)
    if body is None:
        return _unknown(ip)
    key_hash = hash_of(body)
    hit = _read(key_hash, device_id, at)
    snapshot, seat = (hit.snapshot, hit.seat) if hit else (None, None)
    if hit is None or snapshot is None or not hit.knows_device:
        found = find_license(key_hash, device_id)
        if found is None:
            return _unknown(ip)
        snapshot, seat = found.snapshot, found.seat
        with suppress(CacheAway):
            cache.store_license(key_hash, device_id, snapshot, seat, now=at)
    asked = Question(product, asks_device=device_id is not None, device_is_linked=seat is not None)
    code = verdict(snapshot.facts, at, asked)
    return Answer(code, snapshot, seat, hit.allowance if hit else None)


def record_heartbeat(link_id: UUID, token: str, *, ip: str | None, at: datetime) -> Answer:
    """Note that a device is there and say what its license is worth now.

    Raises `UnknownDeviceToken`, `DeviceNotActive` or `RateLimited`.
    """
    token_hash = token_hash_of(token)
    try:
        hit = cache.beat(link_id, token_hash, now=at.timestamp())
    except CacheAway:
        return _answer(_device(link_id, token_hash, ip).snapshot, None, at)
    if hit.wrong_token:
        raise _refused(ip)
    if hit.snapshot is not None:
        return _answer(hit.snapshot, hit.allowance, at)
    found = _device(link_id, token_hash, ip)
    with suppress(CacheAway):
        cache.store_device(link_id, token_hash, found.snapshot, now=at)
        hit = cache.beat(link_id, token_hash, now=at.timestamp())
    return _answer(found.snapshot, hit.allowance, at)


def count_wrong_secret(ip: str | None) -> Allowance | None:
    """Count a key or token that was nobody's; raises `RateLimited` when an address guesses."""
    try:
        allowance = cache.count(
            ip or "unknown", "wrong-secret", limit=limits.WRONG_SECRETS_PER_ADDRESS
        )
    except CacheAway:
        return None
    allowance.require()
    return allowance


def count_request(who: str, endpoint: str) -> Allowance | None:
    """Count a request of one device to one endpoint; raises `RateLimited`. None without Redis."""
    try:
        allowance = cache.count(who, endpoint, limit=limits.PER_DEVICE[endpoint])
    except CacheAway:
        return None
    allowance.require()
    return allowance


def _read(key_hash: str, device_id: str | None, at: datetime) -> LicenseHit | None:
    limit = limits.PER_LICENSE_VALIDATE if device_id is None else limits.PER_DEVICE["validate"]
    who = limits.caller(key_hash, device_id or "")
    try:
        hit = cache.read_license(key_hash, device_id, who=who, limit=limit, now=at.timestamp())
    except CacheAway:
        return None
    hit.allowance.require()
    return hit


def _unknown(ip: str | None) -> Answer:
    return Answer(Code.NOT_FOUND, allowance=count_wrong_secret(ip))


def _device(link_id: UUID, token_hash: str, ip: str | None) -> FoundDevice:
    found = find_device(token_hash, link_id)
    if found is None:
        raise _refused(ip)
    if found.deactivated_at is not None:
        raise DeviceNotActive
    return found


def _refused(ip: str | None) -> UnknownDeviceToken:
    count_wrong_secret(ip)
    return UnknownDeviceToken()


def _answer(snapshot: Snapshot, allowance: Allowance | None, at: datetime) -> Answer:
    """A device that proved itself is linked: only the license can be what is wrong."""
    asked = Question(asks_device=True, device_is_linked=True)
    return Answer(verdict(snapshot.facts, at, asked), snapshot, allowance=allowance)
