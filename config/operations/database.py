"""How PostgreSQL is doing, in seven questions to its statistics; asked at most every ten seconds."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any

from django.db import connection

FRESH = 10.0
LONG_QUERY = 30
"""Seconds from which on a statement or an open transaction counts as long."""
_lock = Lock()
_last: tuple[float, Health | None] = (float("-inf"), None)


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    bytes: int
    index_bytes: int
    rows: int
    dead_rows: int
    by_sequence: int
    by_index: int
    vacuumed_at: Any
    analyzed_at: Any

    @property
    def dead_share(self) -> float:
        return self.dead_rows / max(1, self.rows + self.dead_rows)


@dataclass(frozen=True, slots=True)
class Index:
    name: str
    table: str
    bytes: int
    scans: int
    is_valid: bool
    is_constraint: bool

    @property
    def is_unused(self) -> bool:
        return self.is_valid and not self.scans and not self.is_constraint


@dataclass(frozen=True, slots=True)
class Session:
    """A statement or transaction that takes long. `statement` names no value."""

    pid: int
    role: str
    program: str
    state: str
    waits_for: str
    seconds: float
    transaction_seconds: float
    statement: str


@dataclass(frozen=True, slots=True)
class Replica:
    name: str
    state: str
    behind_bytes: int
    behind_seconds: float


@dataclass(frozen=True, slots=True)
class Health:
    """What was seen at one moment. Sizes in bytes, times in seconds."""

    version: str
    database: str
    size: int
    connections: dict[tuple[str, str], int]
    most_connections: int
    cache_hits: float
    commits: int
    rollbacks: int
    deadlocks: int
    oldest_transaction: float
    wraparound: float
    tables: list[Table]
    indexes: list[Index]
    sessions: list[Session]
    replicas: list[Replica]

    @property
    def used_connections(self) -> int:
        return sum(self.connections.values())

    @property
    def unused_indexes(self) -> list[Index]:
        return [index for index in self.indexes if index.is_unused]

    @property
    def invalid_indexes(self) -> list[Index]:
        return [index for index in self.indexes if not index.is_valid]


_DATABASE = """
SELECT current_setting('server_version'), d.datname, pg_database_size(d.oid),
       current_setting('max_connections')::int,
       coalesce(s.blks_hit::float / nullif(s.blks_hit + s.blks_read, 0), 1),
       s.xact_commit, s.xact_rollback, s.deadlocks,
       age(d.datfrozenxid)::float / 2147483647
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid
WHERE d.datname = current_database()"""
_CONNECTIONS = """
SELECT coalesce(usename, ''), coalesce(state, 'unknown'), count(*),
       coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1, 2"""
_TABLES = """
SELECT schemaname || '.' || relname, pg_total_relation_size(relid), pg_indexes_size(relid),
       n_live_tup, n_dead_tup, seq_scan, coalesce(idx_scan, 0),
       greatest(last_vacuum, last_autovacuum), greatest(last_analyze, last_autoanalyze)
FROM pg_stat_user_tables ORDER BY 2 DESC LIMIT 300"""
_INDEXES = """
SELECT s.schemaname || '.' || s.indexrelname, s.schemaname || '.' || s.relname,
       pg_relation_size(s.indexrelid), coalesce(s.idx_scan, 0), i.indisvalid,
       i.indisunique OR i.indisprimary OR i.indisexclusion OR i.indisreplident
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
ORDER BY 3 DESC LIMIT 600"""
_SESSIONS = """
SELECT pid, coalesce(usename, ''), coalesce(application_name, ''), coalesce(state, ''),
       coalesce(wait_event_type || ': ' || wait_event, ''),
       coalesce(extract(epoch FROM now() - query_start), 0)::float,
       coalesce(extract(epoch FROM now() - xact_start), 0)::float, coalesce(query, '')
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend' AND state <> 'idle'
  AND (state = 'active' AND query_start < now() - make_interval(secs => %s)
       OR xact_start < now() - make_interval(secs => %s))
ORDER BY xact_start NULLS LAST LIMIT 50"""
_REPLICAS = """
SELECT coalesce(nullif(application_name, ''), client_addr::text, 'replica'), coalesce(state, ''),
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0) END::bigint,
       coalesce(extract(epoch FROM replay_lag), 0)::float
FROM pg_stat_replication"""


def look() -> Health:
    """Return what was seen within the last ten seconds."""
    global _last
    with _lock:
        seen_at, seen = _last
        if seen is None or time.monotonic() - seen_at > FRESH:
            seen = _ask()
            _last = (time.monotonic(), seen)
    return seen


def forget() -> None:
    """Look anew next time."""
    global _last
    _last = (float("-inf"), None)


def _ask() -> Health:
    version, name, size, most, hits, commits, rollbacks, deadlocks, wraparound = _rows(_DATABASE)[0]
    connections = _rows(_CONNECTIONS)
    return Health(
        version=version.partition(" ")[0],
        database=name,
        size=size,
        connections={(role, state): count for role, state, count, _ in connections},
        most_connections=most,
        cache_hits=hits,
        commits=commits,
        rollbacks=rollbacks,
        deadlocks=deadlocks,
        oldest_transaction=max((row[3] for row in connections), default=0.0),
        wraparound=wraparound,
        tables=[Table(*row) for row in _rows(_TABLES)],
        indexes=[Index(*row) for row in _rows(_INDEXES)],
        sessions=[
            Session(*(*facts, without_values(statement)))
            for *facts, statement in _rows(_SESSIONS, LONG_QUERY, LONG_QUERY)
        ],
        replicas=[Replica(*row) for row in _rows(_REPLICAS)],
    )


def _rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


_VALUES = re.compile(r"E?'(?:[^'\\]|''|\\.)*'?|\$(\w*)\$.*?(?:\$\1\$|$)|\b\d[\d.]*\b", re.DOTALL)


def without_values(statement: str) -> str:
    """Replace what stands in a statement as a value: it may be a person's."""
    return re.sub(r"\s+", " ", _VALUES.sub("?", statement)).strip()[:500]
