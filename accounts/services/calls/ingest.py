"""From the stream into PostgreSQL: at least once from Redis, exactly once in the table."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from functools import lru_cache

import structlog
from django.conf import settings
from django.db import connection, transaction

from accounts.gateways import call_stream
from accounts.gateways.call_stream import Entry
from accounts.rules.calls import BadEntry, Call, read_entry
from config.kit.ids import random_token

logger = structlog.get_logger(__name__)
BATCH = 5000
ABANDONED_MS = 60_000

_COLUMNS = (
    "id, called_at, organization_id, api_key_id, product, endpoint, method, status_code,"
    " latency_ms, outcome, request_body, response_body"
)
_STAGE = (
    "CREATE TEMP TABLE calls_staged (LIKE series.api_calls, reported boolean NOT NULL)"
    " ON COMMIT DROP"
)
_COPY = f"COPY calls_staged ({_COLUMNS}, reported) FROM STDIN"
_INSERT = (
    f"INSERT INTO series.api_calls AS kept ({_COLUMNS}) SELECT {_COLUMNS} FROM calls_staged"  # noqa: S608
    " WHERE reported = %s ORDER BY called_at, id ON CONFLICT (id, called_at)"
)
_FACTS = "endpoint, method, status_code, latency_ms, request_body, response_body"
_OURS = "organization_id, api_key_id, product, outcome"
_SAME_CALLER = (
    "(kept.organization_id, kept.api_key_id) = (EXCLUDED.organization_id, EXCLUDED.api_key_id)"
)


def _each(row: str, columns: str) -> str:
    return f"({', '.join(f'{row}.{name}' for name in columns.split(', '))})"


# Who called and whether it counts is the verification's word, though a report of the call was
# stored before it. What was reported stays, unless somebody else reported it.
_DECIDED = [f"{name} = EXCLUDED.{name}" for name in _OURS.split(", ")] + [
    f"{name} = CASE WHEN {_SAME_CALLER} THEN kept.{name} ELSE EXCLUDED.{name} END"
    for name in _FACTS.split(", ")
]
_DECIDE = f"""{_INSERT} DO UPDATE SET {", ".join(_DECIDED)}
  WHERE {_each("kept", _OURS)} IS DISTINCT FROM {_each("EXCLUDED", _OURS)}
"""
# What was told afterwards completes the call; who called, when, and whether it counts stays.
_COMPLETE = f"""{_INSERT} DO UPDATE SET
    endpoint = EXCLUDED.endpoint, method = EXCLUDED.method, status_code = EXCLUDED.status_code,
    latency_ms = EXCLUDED.latency_ms,
    request_body = coalesce(EXCLUDED.request_body, kept.request_body),
    response_body = coalesce(EXCLUDED.response_body, kept.response_body)
  WHERE {_SAME_CALLER}
    AND {_each("kept", _FACTS)} IS DISTINCT FROM {_each("EXCLUDED", _FACTS)}
"""


def consumer_name() -> str:
    """Return this process's name in the consumer group; a new process never inherits one."""
    return _name_of(os.getpid())


@lru_cache(maxsize=1)
def _name_of(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{random_token(6)}"


def flush(consumer: str, *, idle_ms: int = ABANDONED_MS, most: int = BATCH) -> int:
    """Write one batch and forget it; return how many entries it had.

    Killed before the commit, nothing happened and the entries stay pending; killed after it, they
    are written again, which changes nothing. Raises what Redis or PostgreSQL raise: the entries
    wait.
    """
    entries = call_stream.claim(consumer, idle_ms=idle_ms, most=most)
    entries = entries or call_stream.read(consumer, most=most)
    if entries:
        write(_readable(entries))
        call_stream.finish([key for key, _ in entries])
    return len(entries)


def drain(consumer: str, *, batches: int) -> int:
    """Flush until the stream is empty or `batches` were written; return how many entries."""
    call_stream.open_group()
    done = 0
    for _ in range(batches):
        written = flush(consumer)
        done += written
        if not written:
            break
    call_stream.forget_dead_consumers()
    return done


@transaction.atomic
def write(calls: Sequence[Call]) -> None:
    """Store calls; what is stored already is completed, the same in whatever order they come."""
    # A row may be touched once by one statement: of several reports of a call the last counts.
    once = {(call.id, call.reported): call for call in calls}.values()
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            for call in once:
                copy.write_row(_row(call))
        cursor.execute(_DECIDE, [False])
        if any(call.reported for call in once):
            cursor.execute(_COMPLETE, [True])
        cursor.execute("DROP TABLE calls_staged")


def _row(call: Call) -> tuple[object, ...]:
    return (
        call.id, call.called_at, call.organization_id, call.api_key_id, call.product,
        call.endpoint, call.method, call.status_code, call.latency_ms, call.outcome,
        call.request_body, call.response_body, call.reported,
    )  # fmt: skip


def _readable(entries: Sequence[Entry]) -> list[Call]:
    calls = []
    for _, fields in entries:
        try:
            calls.append(read_entry(fields))
        except BadEntry as error:
            logger.error("calls.entry_refused", reason=str(error)[:200])
            call_stream.set_aside(fields, str(error)[:200])
    return calls


def watch() -> None:
    """Raise the alarm while the stream is longer than a healthy flusher ever lets it be."""
    standing = call_stream.standing()
    if standing.length >= settings.API_CALLS_STREAM_ALARM or standing.refused:
        logger.error(
            "calls.stream_long",
            length=standing.length,
            pending=standing.pending,
            refused=standing.refused,
            most=settings.API_CALLS_STREAM_MOST,
        )
