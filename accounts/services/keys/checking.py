"""Is this key good, and for what? Asked with every call that brings one.

A key from a warm cache costs no SQL, whatever the answer; one that the cache does not know costs
one look-up, whether it exists or not. Without Redis the database answers: standing, expiry,
networks and scopes hold, limits do not, and the call may not be recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from accounts.gateways import key_cache
from accounts.gateways.key_cache import Question, Rate, Reply
from accounts.models.key_look_ups import find_key
from accounts.rules.keys import is_key
from accounts.rules.refusals import REFUSALS, ApiKeyInvalid, InsufficientScope
from accounts.rules.scopes import VERIFY, VERIFY_ANY
from accounts.rules.verdicts import Code, Facts, verdict
from accounts.services import limits
from accounts.services.calls.identity import verified_id
from accounts.services.keys.hashing import address_of, hashes_of
from config.kit.ids import uuid7
from config.kit.scripts import CacheAway, CacheNotAsked

logger = structlog.get_logger(__name__)
WRONG_KEYS_PER_ADDRESS = 60
_TRIES = 4  # caller, key and counter may each be unknown, once


@dataclass(frozen=True, slots=True)
class Credential:
    """A program that proved itself with an API key. It is no person."""

    key_id: UUID
    organization_id: UUID
    name: str
    environment: str
    tier: str
    scopes: frozenset[str]
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a service hears of the key that it asked about.

    `described` is None when nobody has the key. `degraded`: Redis did not answer, so limits did
    not hold and the call may not be recorded. `call_id` is None when there is no record: for an
    unknown key, and when the stream of calls is full. With `degraded` it names the call if it is
    recorded after all, or else by its report.
    """

    code: Code
    described: Mapping[str, Any] | None = None
    rate: Rate | None = None
    quota: int | None = None
    used: int | None = None
    call_id: UUID | None = None
    degraded: bool = False


def authenticate(text: str, *, ip: str | None, at: datetime) -> Credential:
    """Return who sent this key; raises the refusal that says why not (accounts.rules.refusals)."""
    if not is_key(text):
        raise _unknown(ip, at)
    code, described = _judge(text, ip, at)
    if described is None:
        raise _unknown(ip, at)
    if code is not Code.VALID:
        raise REFUSALS[code]
    return Credential(
        key_id=UUID(described["key_id"]),
        organization_id=UUID(described["organization_id"]),
        name=described["name"],
        environment=described["environment"],
        tier=described["tier"],
        scopes=frozenset(described["scopes"]),
        requests_per_minute=described["requests_per_minute"],
    )


def verify(
    caller: str,
    key: str,
    *,
    caller_ip: str | None,
    at: datetime,
    ip: str | None = None,
    scopes: tuple[str, ...] = (),
    product: str = "",
    endpoint: str = "",
    method: str = "",
    cost: int = 1,
) -> Verdict:
    """Judge `key` for the service that holds the key `caller`; count and record the call.

    Raises the caller's own refusal. A key of another organization looks unknown, unless the
    caller has `platform:verify`.
    """
    if not is_key(caller):
        raise _unknown(caller_ip, at)
    if not is_key(key):
        # Nobody can have it; but the caller must still be one who may ask.
        _require_verifier(authenticate(caller, ip=caller_ip, at=at))
        return Verdict(Code.NOT_FOUND)
    asked = Question(
        caller=address_of(caller),
        key=address_of(key),
        caller_ip=caller_ip,
        ip=ip,
        scopes=scopes,
        product=product,
        endpoint=endpoint,
        method=method,
        cost=cost,
        call_id=verified_id(),
    )
    try:
        reply = _ask(asked, caller, key, at)
    except CacheNotAsked:
        # Nobody counted the call: its report shall, so its id is not one of a verified call.
        return _without_cache(replace(asked, call_id=uuid7()), caller, key, at)
    except CacheAway:
        return _without_cache(asked, caller, key, at)
    if reply.refused is not None:
        raise _refusal(reply.refused, caller_ip, at)
    recorded = asked.call_id if reply.recorded else None
    return Verdict(reply.code, reply.described, reply.rate, reply.quota, reply.used, recorded)


def _ask(asked: Question, caller: str, key: str, at: datetime) -> Reply:
    """Ask the cache, filling in what it does not know; `CacheAway` when it will not keep it."""
    month = limits.month_of(at)
    for _ in range(_TRIES):
        reply = key_cache.verify(asked, now=at.timestamp(), month=month)
        if not reply.unknown:
            return reply
        if reply.unknown == "quota":
            limits.restore_counter(reply.counter, UUID(reply.organization_id), at)
        else:
            text = caller if reply.unknown == "caller" else key
            _look_up(text, asked.caller if reply.unknown == "caller" else asked.key)
    logger.warning("api_key.cache_keeps_nothing")
    raise CacheAway


def _judge(text: str, ip: str | None, at: datetime) -> tuple[Code, Mapping[str, Any] | None]:
    """Return the verdict on a key by itself, from the cache or else from the database."""
    digest = address_of(text)
    with suppress(CacheAway):
        reply = key_cache.authenticate(digest, ip=ip, now=at.timestamp())
        if reply.unknown:
            _look_up(text, digest)
            reply = key_cache.authenticate(digest, ip=ip, now=at.timestamp())
        if not reply.unknown:
            return reply.code, reply.described
    facts = _find(text)
    if facts is None:
        return Code.NOT_FOUND, None
    return verdict(facts, at, ip=ip), key_cache.describe(facts)


def _look_up(text: str, digest: str) -> None:
    """Tell the cache what the database knows of a key: one statement for hit and miss alike."""
    facts = _find(text)
    if facts is None:
        key_cache.store_nobody(digest)
    else:
        key_cache.store(digest, facts)


def _find(text: str) -> Facts | None:
    return find_key([digest for _, digest in hashes_of(text)])


def _without_cache(asked: Question, caller: str, key: str, at: datetime) -> Verdict:
    """Answer from the database alone: no limits, perhaps no record, and it says so."""
    asker = _find(caller)
    if asker is None:
        raise _unknown(asked.caller_ip, at)
    code = verdict(asker, at, ip=asked.caller_ip)
    if code is not Code.VALID:
        raise _refusal(code, asked.caller_ip, at)
    if not {VERIFY, VERIFY_ANY} & set(asker.scopes):
        raise InsufficientScope(VERIFY)
    facts = _find(key)
    hidden = facts is not None and not (
        VERIFY_ANY in asker.scopes or facts.organization_id == asker.organization_id
    )
    if facts is None or hidden:
        return Verdict(Code.NOT_FOUND, degraded=True)
    code = verdict(facts, at, ip=asked.ip, scopes=asked.scopes)
    return Verdict(code, key_cache.describe(facts), call_id=asked.call_id, degraded=True)


def _require_verifier(credential: Credential) -> None:
    if not {VERIFY, VERIFY_ANY} & credential.scopes:
        raise InsufficientScope(VERIFY)


def _refusal(code: Code, ip: str | None, at: datetime) -> Exception:
    if code is Code.NOT_FOUND:
        return _unknown(ip, at)
    if code is Code.INSUFFICIENT_SCOPE:
        return InsufficientScope(VERIFY)
    return REFUSALS[code]()


def _unknown(ip: str | None, at: datetime) -> ApiKeyInvalid:
    """Count a key that was nobody's; raises `TooManyRequests` when an address guesses."""
    rate = limits.take(f"wrong-key:{ip}", limit=WRONG_KEYS_PER_ADDRESS, at=at)
    limits.require(rate)
    return ApiKeyInvalid()
