"""Signs of life of workers and beat in Redis, and what became of their work.

Everything here is a help to those who look; a Redis that is away loses a sign, never a task.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from celery.schedules import maybe_schedule
from django.conf import settings

from config.kit.redis import connect

BEAT = "operations:beat"
SENT = "operations:sent"
WORKERS = "operations:workers"
RUNS = "operations:runs"
QUIET_WORKER = 30
"""Seconds after which a worker that said nothing counts as gone."""
FORGOTTEN_WORKER = 3600


@dataclass(frozen=True, slots=True)
class Worker:
    name: str
    queues: list[str]
    seen_at: datetime
    is_alive: bool
    working: int


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One line of beat's table. `overdue` and `lag` in seconds; `lag` is of the last sending."""

    name: str
    every: str
    sent_at: datetime | None
    due_at: datetime | None
    lag: float
    overdue: float
    ended_at: datetime | None
    outcome: str
    seconds: float


def beat_is_alive(lag: float) -> None:
    """Say that beat turns; `lag` is how late it is with what is due now."""
    connect().set(BEAT, orjson.dumps({"at": time.time(), "lag": lag}), ex=86_400)


def sent(name: str, lag: float) -> None:
    connect().hset(SENT, name, orjson.dumps({"at": time.time(), "lag": lag}))


def worker_is_alive(name: str, queues: list[str], working: int) -> None:
    said = {"at": time.time(), "queues": queues, "working": working}
    connect().hset(WORKERS, name, orjson.dumps(said))


def worker_left(name: str) -> None:
    connect().hdel(WORKERS, name)


def task_ended(name: str, outcome: str, seconds: float) -> None:
    said = {"at": time.time(), "outcome": outcome, "seconds": round(seconds, 3)}
    connect().hset(RUNS, name, orjson.dumps(said))


def seconds_since_beat() -> float | None:
    """Return how long beat has said nothing; None when it never did, or a day ago."""
    said = connect().get(BEAT)
    return None if said is None else max(0.0, time.time() - orjson.loads(said)["at"])


def workers() -> list[Worker]:
    """Return the workers of the last hour; those that left in good order are forgotten."""
    client: Any = connect()
    found = []
    for name, value in sorted(client.hgetall(WORKERS).items()):
        said = orjson.loads(value)
        age = time.time() - said["at"]
        if age > FORGOTTEN_WORKER:
            client.hdel(WORKERS, name)
            continue
        seen = _moment(said["at"])
        alive = age < QUIET_WORKER
        found.append(Worker(name.decode(), said["queues"], seen, alive, said["working"]))
    return found


def schedule() -> list[Scheduled]:
    """Return beat's table with what is known of each entry."""
    client: Any = connect()
    sendings, runs = client.hgetall(SENT), client.hgetall(RUNS)
    return [
        _line(name, entry, sendings.get(name.encode()), runs.get(entry["task"].encode()))
        for name, entry in sorted(_table().items())
    ]


def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = settings.CELERY_BEAT_SCHEDULE
    return table


def _line(name: str, entry: dict[str, Any], sending: bytes | None, run: bytes | None) -> Scheduled:
    timetable: Any = maybe_schedule(entry["schedule"])
    said: Any = orjson.loads(sending) if sending else None
    ran: Any = orjson.loads(run) if run else {"at": None, "outcome": "", "seconds": 0.0}
    due_at = None
    overdue = 0.0
    if said:
        remaining: timedelta = timetable.remaining_estimate(_moment(said["at"]))
        due_at = datetime.now(UTC) + remaining
        overdue = max(0.0, -remaining.total_seconds())
    return Scheduled(
        name=name,
        every=_in_words(entry["schedule"]),
        sent_at=_moment(said["at"]) if said else None,
        due_at=due_at,
        lag=said["lag"] if said else 0.0,
        overdue=overdue,
        ended_at=_moment(ran["at"]) if ran["at"] else None,
        outcome=ran["outcome"],
        seconds=ran["seconds"],
    )


def _in_words(timetable: Any) -> str:
    if isinstance(timetable, timedelta):
        timetable = timetable.total_seconds()
    if isinstance(timetable, int | float):
        for unit, seconds in (("d", 86_400), ("h", 3600), ("min", 60)):
            if timetable >= seconds and timetable % seconds == 0:
                return f"every {int(timetable // seconds)} {unit}"
        return f"every {timetable:g} s"
    parts = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    return "cron " + " ".join(str(getattr(timetable, f"_orig_{part}")) for part in parts)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
