"""What Prometheus is told besides requests: database, queues, beat, backups, the trail.

Each part is asked by itself: one that does not answer is left out and named in
`switchyard_part_up`, the others are still told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import Error
from django.utils.timezone import now
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import RedisError

from accounts.services.seals.sealing import seal_lag
from config.kit.redis import connect
from config.operations import database, failures, jobs, liveness
from config.operations.backups import archive
from config.operations.backups.programs import BackupError

TABLES_TOLD = 100


class House(Collector):
    """Everything that is asked at the moment of the scrape."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "switchyard_part_up", "Whether this part could be asked.", labels=["part"]
        )
        for part, ask in _PARTS.items():
            try:
                yield from list(ask())
            except (Error, RedisError, BackupError, OSError):
                up.add_metric([part], 0)
            else:
                up.add_metric([part], 1)
        yield up


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"switchyard_{name}", text, value=value)


def _by(name: str, text: str, label: str, found: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"switchyard_{name}", text, labels=[label])
    for title, value in found:
        family.add_metric([title], value)
    return family


def _database() -> Iterator[Metric]:
    seen = database.look()
    connections = GaugeMetricFamily(
        "switchyard_database_connections",
        "Connections by role and state.",
        labels=["role", "state"],
    )
    for (role, state), count in seen.connections.items():
        connections.add_metric([role, state], count)
    yield connections
    tables = seen.tables[:TABLES_TOLD]
    yield _gauge("database_connections_max", "max_connections.", seen.most_connections)
    yield _gauge("database_bytes", "Size of the database.", seen.size)
    yield _gauge("database_cache_hit_ratio", "Blocks found in shared buffers.", seen.cache_hits)
    yield _gauge("database_wraparound_ratio", "Share of transaction ids used.", seen.wraparound)
    yield _gauge(
        "database_long_sessions", "Statements and transactions over 30 s.", len(seen.sessions)
    )
    yield _gauge(
        "database_oldest_transaction_seconds", "Age of the oldest.", seen.oldest_transaction
    )
    yield _gauge("database_unused_indexes", "Indexes no query ever used.", len(seen.unused_indexes))
    yield _gauge(
        "database_unused_index_bytes", "Their size.", sum(i.bytes for i in seen.unused_indexes)
    )
    yield _gauge(
        "database_invalid_indexes", "Left by builds that failed.", len(seen.invalid_indexes)
    )
    yield _by(
        "table_bytes", "With indexes and TOAST.", "table", ((t.name, t.bytes) for t in tables)
    )
    yield _by("table_rows", "Estimated.", "table", ((t.name, t.rows) for t in tables))
    yield _by(
        "table_dead_rows", "Not yet vacuumed.", "table", ((t.name, t.dead_rows) for t in tables)
    )
    yield _by(
        "replica_behind_bytes", "WAL not replayed.", "replica",
        ((r.name, r.behind_bytes) for r in seen.replicas),
    )  # fmt: skip
    yield _by(
        "replica_behind_seconds", "Lag of replay.", "replica",
        ((r.name, r.behind_seconds) for r in seen.replicas),
    )  # fmt: skip
    for name, value in (
        ("commits", seen.commits),
        ("rollbacks", seen.rollbacks),
        ("deadlocks", seen.deadlocks),
    ):
        yield CounterMetricFamily(f"switchyard_database_{name}", f"Of the database: {name}.", value)


def _queues() -> Iterator[Metric]:
    yield _by("queue_length", "Tasks that wait.", "queue", jobs.queue_lengths().items())
    yield _gauge("call_stream_length", "API calls not yet in their table.", jobs.stream_length())
    yield CounterMetricFamily(
        "switchyard_task_failures", "Tasks that failed.", int(connect().get(failures.COUNT) or 0)
    )


def _processes() -> Iterator[Metric]:
    silent = liveness.seconds_since_beat()
    if silent is not None:
        yield _gauge("beat_silent_seconds", "Since beat gave a sign of life.", silent)
    overdue = [(line.name, line.overdue) for line in liveness.schedule() if line.sent_at]
    yield _by("beat_overdue_seconds", "How late beat is with an entry.", "entry", overdue)
    alive = sum(worker.is_alive for worker in liveness.workers())
    yield _gauge("workers_alive", "Workers that spoke within 30 s.", alive)


def _promises() -> Iterator[Metric]:
    yield _by("promises_waiting", "Rows whose turn has come.", "kind", jobs.waiting(now()).items())


def _backups() -> Iterator[Metric]:
    found = archive.all_backups()
    yield _gauge("backups", "Backups that are kept.", len(found))
    broken = len(archive.unreadable())
    yield _gauge("backups_unreadable", "Kept, but their manifest cannot be read.", broken)
    if not found:
        return
    newest = found[0]
    yield _gauge("backup_age_seconds", "Of the newest.", (now() - newest.taken_at).total_seconds())
    yield _gauge("backup_bytes", "Of the newest.", newest.manifest.size)
    proven = [backup for backup in found if backup.proof]
    if proven and proven[0].proof:
        age = (now() - proven[0].taken_at).total_seconds()
        yield _gauge("backup_proven_age_seconds", "Of the newest that was restored.", age)
        yield _gauge("backup_proof_good", "Its result.", float(proven[0].proof.is_good))


def _trail() -> Iterator[Metric]:
    lag = seal_lag(now()).total_seconds()
    yield _gauge("audit_seal_lag_seconds", "How long the oldest unsealed entry waits.", lag)


_PARTS: dict[str, Callable[[], Iterator[Any]]] = {
    "database": _database,
    "queues": _queues,
    "processes": _processes,
    "promises": _promises,
    "backups": _backups,
    "trail": _trail,
}
