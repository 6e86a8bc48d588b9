"""How the machinery stands: PostgreSQL, the trail, Redis, the queues. Each asked once, briefly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from redis import RedisError

from accounts.models import Seal
from accounts.services.seals.sealing import seal_lag
from accounts.services.seals.watching import LATE_AFTER
from config.kit.redis import connect

BUSY = 100
"""Tasks waiting in one queue from which on the workers do not keep up."""


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the list; `tone` is ok, warn or bad."""

    name: str
    value: str
    tone: str = "ok"


def machinery(at: datetime) -> list[Part]:
    return [_postgresql(), _trail(at), *_redis_and_queues()]


def _postgresql() -> Part:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT split_part(current_setting('server_version'), ' ', 1),"
            " pg_size_pretty(pg_database_size(current_database())),"
            " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),"
            " current_setting('max_connections')::int"
        )
        version, size, used, most = cursor.fetchone()
    tone = "warn" if used > most * 0.8 else "ok"
    return Part("PostgreSQL", f"{version}, {size}, {used} of {most} connections", tone)


def _trail(at: datetime) -> Part:
    head = Seal.objects.order_by("-seq").values_list("seq", flat=True).first()
    lag = seal_lag(at)
    waits = f", the oldest entry waits {int(lag.total_seconds() // 60)} min" if lag else ""
    state = f"sealed up to seal {head}" if head else "not sealed yet"
    return Part("Audit trail", f"{state}{waits}", "bad" if lag > LATE_AFTER else "ok")


def _redis_and_queues() -> list[Part]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    pipeline = connect().pipeline(transaction=False)
    pipeline.info("server")
    pipeline.info("memory")
    for name in names:
        pipeline.llen(f"{prefix}{name}")
    try:
        server, memory, *lengths = pipeline.execute()
    except RedisError:
        return [Part("Redis", "does not answer", "bad")]
    redis = Part("Redis", f"{server['redis_version']}, {memory['used_memory_human']} used")
    return [redis, *(_queue(name, length) for name, length in zip(names, lengths, strict=True))]


def _queue(name: str, length: Any) -> Part:
    tone = "warn" if length >= BUSY else "ok"
    return Part(f"Queue {name}", f"{length} waiting" if length else "empty", tone)
