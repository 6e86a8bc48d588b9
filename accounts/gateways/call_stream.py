"""The stream `api_calls` in Redis: calls wait here until PostgreSQL has them.

Entries are read by a consumer group and deleted only after the commit that wrote them. A flusher
that dies leaves its entries pending; another one claims them after a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from django.conf import settings

from accounts.rules.calls import Call, entry_of
from config.kit.redis import connect

STREAM, GROUP = "api_calls", "flushers"
BAD, REFUSED = "api_calls:bad", "api_calls:refused"
_MOST_BAD = 10_000
_FORGOTTEN = 3_600_000
Entry = tuple[bytes, dict[bytes, bytes]]

# Never trims: a full stream refuses, and says so, instead of losing what it holds already.
_ADD = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then
    redis.call('INCR', KEYS[2])
    return 0
end
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
return 1
"""

# A batch, all of it or nothing: each call that moves a quota is counted, once, as it is appended.
# stream refused counters... seen... | most seconds counters calls, then of each call its counter
#   and seen (0: none), id, fields, field... -> 1 taken, 0 no room, -1 a counter is not there
_ADD_BATCH = """
local calls = tonumber(ARGV[4])
if redis.call('XLEN', KEYS[1]) + calls > tonumber(ARGV[1]) then
    redis.call('INCRBY', KEYS[2], calls)
    return 0
end
for index = 3, 2 + tonumber(ARGV[3]) do
    if redis.call('EXISTS', KEYS[index]) == 0 then return -1 end
end
local at = 5
for _ = 1, calls do
    local counter, seen = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local is_new = true
    if seen > 0 then
        is_new = redis.call('SADD', KEYS[seen], ARGV[at + 2]) == 1
        redis.call('EXPIRE', KEYS[seen], ARGV[2])
    end
    if counter > 0 and is_new then redis.call('INCR', KEYS[counter]) end
    local last = at + 3 + tonumber(ARGV[at + 3])
    redis.call('XADD', KEYS[1], '*', unpack(ARGV, at + 4, last))
    at = last + 1
end
return 1
"""
_REMEMBERED = 26 * 3600
"""Seconds: longer than a call may be reported after it was made."""


class StreamAway(Exception):
    """Redis does not answer; nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Entries in the stream, those of them handed to a flusher, and calls refused for fullness."""

    length: int
    pending: int
    refused: int


def add(calls: Sequence[Call]) -> int:
    """Append calls in one round trip; return how many the stream had room for."""
    pipeline = connect().pipeline(transaction=False)
    script = connect().register_script(_ADD)
    for call in calls:
        facts: list[Any] = [settings.API_CALLS_STREAM_MOST, *_fields_of(call)]
        script([STREAM, REFUSED], facts, client=pipeline)
    try:
        return sum(pipeline.execute())
    except redis.RedisError as error:
        raise StreamAway from error


def add_batch(calls: Sequence[tuple[Call, str]]) -> int:
    """Append all calls or none, each moving the quota counter named beside it, if any.

    Returns 1 when they are taken, 0 when the stream has no room for all, -1 when a counter is not
    there and must be begun first. A call whose sender sends it again is counted once.
    """
    counters = sorted({counter for _, counter in calls if counter})
    seen = sorted({_seen_of(call) for call, counter in calls if counter and call.may_repeat})
    keys = [STREAM, REFUSED, *counters, *seen]
    place = {name: index for index, name in enumerate(keys, start=1)}
    facts: list[Any] = [settings.API_CALLS_STREAM_MOST, _REMEMBERED, len(counters), len(calls)]
    for call, counter in calls:
        fields = _fields_of(call)
        looks = place[_seen_of(call)] if counter and call.may_repeat else 0
        facts += [place[counter] if counter else 0, looks, call.id.bytes, len(fields), *fields]
    try:
        return int(connect().register_script(_ADD_BATCH)(keys, facts))
    except redis.RedisError as error:
        raise StreamAway from error


def first_told(name: str, at: datetime) -> datetime:
    """Return the moment of the first call with this name, which is `at` if this is it."""
    name = f"{STREAM}:told:{name}"
    pipeline = connect().pipeline(transaction=True)
    pipeline.set(name, at.isoformat(), nx=True, ex=_REMEMBERED)
    pipeline.get(name)
    try:
        return datetime.fromisoformat(pipeline.execute()[1].decode())
    except redis.RedisError as error:
        raise StreamAway from error


def _seen_of(call: Call) -> str:
    return f"{STREAM}:counted:{call.organization_id}:{call.called_at:%Y%m%d%H}"


def _fields_of(call: Call) -> list[str]:
    return [part for pair in entry_of(call).items() for part in pair]


def open_group() -> None:
    """Make the consumer group, from the first entry on; harmless when it is there."""
    try:
        connect().xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def claim(consumer: str, *, idle_ms: int, most: int) -> list[Entry]:
    """Take over entries that another flusher took and has not finished for `idle_ms`."""
    answer = connect().xautoclaim(STREAM, GROUP, consumer, idle_ms, "0-0", count=most)
    return [(key, fields) for key, fields in answer[1] if key and fields]


def read(consumer: str, *, most: int) -> list[Entry]:
    """Take entries that nobody has taken yet."""
    answer: Any = connect().xreadgroup(GROUP, consumer, {STREAM: ">"}, count=most)
    return answer[0][1] if answer else []


def finish(keys: Sequence[bytes]) -> None:
    """Forget entries that PostgreSQL has now: acknowledged and deleted together."""
    if keys:
        pipeline = connect().pipeline(transaction=True)
        pipeline.xack(STREAM, GROUP, *keys)
        pipeline.xdel(STREAM, *keys)
        pipeline.execute()


def set_aside(fields: dict[bytes, bytes], reason: str) -> None:
    """Keep an entry that is no call where an operator can look at it."""
    kept: Any = {**fields, b"reason": reason}
    connect().xadd(BAD, kept, maxlen=_MOST_BAD, approximate=True)


def standing() -> Standing:
    open_group()
    pipeline = connect().pipeline(transaction=False)
    pipeline.xlen(STREAM)
    pipeline.xpending(STREAM, GROUP)
    pipeline.get(REFUSED)
    length, pending, refused = pipeline.execute()
    return Standing(length, pending["pending"], int(refused or 0))


def forget_dead_consumers() -> None:
    """Remove names of flushers that have nothing pending and were not seen for an hour."""
    for consumer in connect().xinfo_consumers(STREAM, GROUP):
        if consumer["pending"] == 0 and consumer["idle"] > _FORGOTTEN:
            connect().xgroup_delconsumer(STREAM, GROUP, consumer["name"])
