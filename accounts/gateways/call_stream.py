"""The stream `api_calls` in Redis: calls wait here until PostgreSQL has them.

Entries are read by a consumer group and deleted only after the commit that wrote them. A flusher
that dies leaves its entries pending; another one claims them after a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

# The same for a call that moves a quota: in one step it is counted, once, and on the stream.
# stream refused counter seen | most is_repeatable id seconds fields... -> 1 taken, 0 full,
#   -1 nothing was done: the counter is not there
_ADD_COUNTED = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then
    redis.call('INCR', KEYS[2])
    return 0
end
if redis.call('EXISTS', KEYS[3]) == 0 then return -1 end
local is_new = true
if ARGV[2] == '1' then
    is_new = redis.call('SADD', KEYS[4], ARGV[3]) == 1
    redis.call('EXPIRE', KEYS[4], ARGV[4])
end
if is_new then redis.call('INCR', KEYS[3]) end
redis.call('XADD', KEYS[1], '*', unpack(ARGV, 5))
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


def add_counted(calls: Sequence[tuple[Call, str]]) -> list[int]:
    """Append calls, each moving the quota counter named beside it; one round trip.

    Returns for each 1 when it is taken, 0 when the stream is full, -1 when its counter is not
    there and must be begun first. A call whose sender sends it again is counted once.
    """
    pipeline = connect().pipeline(transaction=False)
    script = connect().register_script(_ADD_COUNTED)
    for call, counter in calls:
        seen = f"{STREAM}:counted:{call.organization_id}:{call.called_at:%Y%m%d%H}"
        facts: list[Any] = [int(call.may_repeat), call.id.bytes, _REMEMBERED, *_fields_of(call)]
        keys = [STREAM, REFUSED, counter, seen]
        script(keys, [settings.API_CALLS_STREAM_MOST, *facts], client=pipeline)
    try:
        return list(pipeline.execute())
    except redis.RedisError as error:
        raise StreamAway from error


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
