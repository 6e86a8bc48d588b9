"""What is kept of API keys in Redis, in our words. Every function may raise `CacheAway`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings

from accounts.gateways import key_scripts as scripts
from accounts.gateways.call_stream import REFUSED, STREAM
from accounts.rules.addresses import hex_of, span
from accounts.rules.verdicts import Code, Facts
from config.kit.scripts import CacheAway, CacheRefused

USES = "apikey:uses"
SEEN = "apikey:seen"
WINDOW_MS = 60_000
_LIFE_MS = 3_600_000
_NOBODY_MS = 60_000
_FLOOR_SECONDS = 2 * _LIFE_MS // 1000  # outlives every slow reader
_CODES = {code.value.encode(): code for code in Code}
_QUOTA_SECONDS = 40 * 86_400  # a month, and time to look at it afterwards


class Corrupt(CacheAway):
    """What was read is not what we wrote. It is gone now; the database knows."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a limit. `reset` and `retry_after` are whole seconds."""

    limit: int
    remaining: int
    reset: int
    retry_after: int = 0
    passed: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a customer's service: the caller's key, the key in question, and for what."""

    caller: str
    key: str
    caller_ip: str | None
    ip: str | None
    scopes: tuple[str, ...]
    product: str
    endpoint: str
    method: str
    cost: int
    call_id: UUID


@dataclass(frozen=True, slots=True)
class Reply:
    """What the cache says.

    `unknown` names what must be filled in first: caller, key or quota (with `counter` and
    `organization_id`). `refused` is why the caller may not ask. Otherwise `code` is the answer;
    `described` is None when nobody has the key, `rate` and `used` when it was refused before
    they counted.
    """

    code: Code = Code.NOT_FOUND
    described: Mapping[str, Any] | None = None
    rate: Rate | None = None
    quota: int | None = None
    used: int | None = None
    unknown: str = ""
    counter: str = ""
    organization_id: str = ""
    refused: Code | None = None
    recorded: bool = False


def take(who: str, *, limit: int, now: float, cost: int = 1) -> Rate:
    """Count `cost` calls of `who` when they fit into `limit` a minute."""
    passed, left, reset, wait = scripts.TAKE(
        [f"limit:{who}"], _milliseconds(now), WINDOW_MS, limit, cost
    )
    return Rate(limit, left, _seconds(reset), _seconds(wait), bool(passed))


def authenticate(digest: str, *, ip: str | None, now: float) -> Reply:
    """Judge a key by itself and note its use; `unknown` when it is not here."""
    keys = [_address(digest), USES, SEEN]
    found = _run(scripts.AUTHENTICATE, keys, _milliseconds(now), hex_of(ip))
    if not found:
        return Reply(unknown="key")
    code = _CODES[found[0]]
    return Reply(code, None if code is Code.NOT_FOUND else _described(found[1], digest))


def verify(asked: Question, *, now: float, month: str, record: bool = True) -> Reply:
    """Answer one question in one round trip: both keys, the rate, the quota, the call's record.

    `cost` weighs in the rate; the quota counts calls, as usage is billed. The latency recorded is
    that of this check: the call itself has only begun. A connection that breaks after Redis
    counted makes the quota one too high until it is begun anew; the call is stored once.
    """
    found = _run(
        scripts.VERIFY,
        [_address(asked.caller), _address(asked.key), STREAM, USES, SEEN, REFUSED],
        _milliseconds(now),
        WINDOW_MS,
        hex_of(asked.caller_ip),
        hex_of(asked.ip),
        " ".join(asked.scopes),
        asked.product,
        asked.cost,
        month,
        str(asked.call_id),
        asked.endpoint,
        asked.method,
        int(record),
        max(0, _milliseconds(time.time() - now)),
        settings.API_CALLS_STREAM_MOST,
    )
    kind = found[0]
    if kind == b"unknown":
        counter, organization = (part.decode() for part in found[2:]) if found[2:] else ("", "")
        return Reply(unknown=found[1].decode(), counter=counter, organization_id=organization)
    code = _CODES[found[1]]
    if kind == b"caller":
        return Reply(refused=code)
    if code is Code.NOT_FOUND:
        return Reply(code)
    described = _described(found[2], asked.key)
    recorded = bool(found[3])
    if len(found) == 4:
        return Reply(code, described, recorded=recorded)
    limit, left, reset, quota, used = found[4:]
    rate = Rate(limit, left, _seconds(reset), passed=code is not Code.RATE_LIMITED)
    return Reply(code, described, rate, int(quota) if quota else None, used, recorded=recorded)


def store(digest: str, facts: Facts) -> bool:
    """Keep what is known of a key; False when something newer is known already."""
    limits: list[Any] = []
    for product, each in facts.limits.items():
        ending = f":{product}" if product else ""
        quota = "" if each.monthly_quota is None else each.monthly_quota
        limits += [f"rate{ending}", each.requests_per_minute, f"quota{ending}", quota]
    return bool(
        scripts.STORE(
            [_address(digest)],
            facts.version,
            _LIFE_MS,
            str(facts.key_id),
            str(facts.organization_id),
            facts.standing.value,
            "" if facts.expires_at is None else _milliseconds(facts.expires_at.timestamp()),
            ""
            if facts.overlap_ends_at is None
            else _milliseconds(facts.overlap_ends_at.timestamp()),
            " ".join("-".join(span(network)) for network in facts.allowed_cidrs),
            f" {' '.join(facts.scopes)} ",
            orjson.dumps(describe(facts)),
            *limits,
        )
    )


def store_nobody(digest: str) -> None:
    """Remember for a minute that nobody has this key, so that a guess costs SQL once."""
    scripts.STORE_NOBODY([_address(digest)], _NOBODY_MS)


def describe(facts: Facts) -> dict[str, Any]:
    """Return what an answer tells of a key; the same from the cache and from the database."""
    limits = facts.limits.get("")
    expires = facts.expires_at
    return {
        "key_id": str(facts.key_id),
        "organization_id": str(facts.organization_id),
        "environment": facts.environment,
        "name": facts.name,
        "external_id": facts.external_id,
        "metadata": facts.metadata,
        "tier": facts.tier,
        "scopes": list(facts.scopes),
        "expires_at": None if expires is None else expires.isoformat().replace("+00:00", "Z"),
        "requests_per_minute": limits.requests_per_minute if limits else 0,
    }


def raise_floors(keys: Sequence[tuple[UUID, str, int]]) -> None:
    """From now on nothing older is stored of each (id, hash, version), and what is, is forgotten."""
    names = [
        name
        for key_id, key_hash, _ in keys
        for name in (f"apikey:{key_id}:floor", f"apikey:{key_id}:at", _address(key_hash))
    ]
    scripts.RAISE_FLOORS(names, _FLOOR_SECONDS, *(version for _, _, version in keys))


def seed_quota(counter: str, used: int) -> None:
    """Begin a month's counter with what was used already, unless somebody else just did."""
    scripts.SEED_QUOTA([counter], used, _QUOTA_SECONDS)


def read_counters(names: Sequence[str]) -> list[int | None]:
    """Return counters, None for those that are not there."""
    found = scripts.READ_COUNTERS(list(names)) if names else []
    return [None if value is None else int(value) for value in found]


def forget_counters(names: Sequence[str]) -> None:
    """Drop counters: whoever counts next begins them with what is known to be used."""
    scripts.DROP(list(names))


def take_uses() -> tuple[dict[str, int], dict[str, tuple[float, str]]]:
    """Return (count by key id, (time, address as hex) by key id) that wait to be written.

    They wait on until `confirm_uses`; called again before that, the same are returned.
    """
    counts, seen = scripts.TAKE_USES([USES, SEEN, f"{USES}:taken", f"{SEEN}:taken"])
    last: dict[str, tuple[float, str]] = {}
    for member, value in zip(seen[::2], seen[1::2], strict=True):
        at, _, ip = value.decode().partition(" ")
        last[member.decode()] = (int(at) / 1000, ip)
    pairs = zip(counts[::2], counts[1::2], strict=True)
    return {member.decode(): int(count) for member, count in pairs}, last


def confirm_uses() -> None:
    """Forget what `take_uses` returned: it is in the database."""
    scripts.DROP([f"{USES}:taken", f"{SEEN}:taken"])


def _run(script: Any, keys: list[str], *arguments: Any) -> Any:
    """Run a script; drop what it reads when Redis refuses to read it, so that it heals."""
    try:
        return script(keys, *arguments)
    except CacheRefused:
        scripts.DROP([key for key in keys if key.startswith("apikey:")])
        raise


def _described(stored: bytes | None, digest: str) -> Mapping[str, Any]:
    try:
        return _load(stored or b"")
    except orjson.JSONDecodeError as error:
        scripts.DROP([_address(digest)])
        raise Corrupt from error


@lru_cache(maxsize=4096)
def _load(stored: bytes) -> Mapping[str, Any]:
    value: Mapping[str, Any] = orjson.loads(stored)
    return value


def _address(digest: str) -> str:
    return f"apikey:{digest}"


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _seconds(milliseconds: int) -> int:
    return max(0, -(-milliseconds // 1000))
