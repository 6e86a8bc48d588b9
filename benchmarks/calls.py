"""Recorded API calls under SIGKILL of the flushers: none lost, none doubled; a million in full.

Also `python -m benchmarks.calls` by itself, with a number of calls as its argument.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import redis

from accounts.rules.calls import Call, entry_of
from benchmarks.bed import Bed, Row, open_bed
from config.kit.ids import uuid7
from tests import services

CALLS = 1_000_000
CHUNK = 2000
KILLS = 20
ENDPOINTS = [f"/v1/things/kind{n}" for n in range(20)]
KEYS = [UUID(int=7 << 76 | 2 << 62 | n) for n in range(50)]


def measure_recording(bed: Bed, calls: int = 0) -> Row:
    """API calls from the stream to PostgreSQL, two flushers, killed twenty times"""
    calls = calls or bed.sized(CALLS)
    client = redis.Redis.from_url(bed.stack.env["REDIS_URL"])
    client.delete("api_calls")
    organization = bed.ask("SELECT id FROM accounts_organization LIMIT 1")[0][0]
    filled = _fill(client, organization, calls)
    began, killed = time.perf_counter(), _flush(bed, client, calls)
    took = time.perf_counter() - began
    stored = _one(bed, "SELECT count(*) FROM series.api_calls WHERE product = 'maps'")
    summed = _one(
        bed,
        "SELECT sum(requests) FROM series.api_calls_hourly WHERE product = 'maps'",
    )
    assert stored == summed == calls, (stored, summed, calls)
    limit = _bare_copy(bed, calls // 10)
    return Row(
        f"{calls:,} API calls stored, {killed} flushers killed, none lost",
        f"{calls / took:,.0f} calls/s (recorded at {calls / filled:,.0f}/s)",
        f"{limit:,.0f} rows/s (COPY into a bare table)",
        calls / took / limit,
        "exactly all, each once",
    )


def _fill(client: redis.Redis, organization: UUID, calls: int) -> float:
    """Put all calls on the stream as recording does; return the seconds it took."""
    dice, began = random.Random(3), time.perf_counter()
    for _ in range(calls // CHUNK):
        pipeline = client.pipeline(transaction=False)
        for _ in range(CHUNK):
            pipeline.xadd("api_calls", entry_of(_call(organization, dice)))  # type: ignore[arg-type]
        pipeline.execute()
    return time.perf_counter() - began


def _call(organization: UUID, dice: random.Random) -> Call:
    return Call(
        id=uuid7(), organization_id=organization, api_key_id=dice.choice(KEYS),
        endpoint=dice.choice(ENDPOINTS), method="GET", product="maps",
        status_code=500 if dice.random() < 0.02 else 200, latency_ms=int(dice.expovariate(0.02)),
    )  # fmt: skip


def _flush(bed: Bed, client: redis.Redis, calls: int) -> int:
    """Run two flushers until the stream is empty; kill one whenever a twentieth is done."""
    dice, killed, running = random.Random(5), 0, [_flusher(bed), _flusher(bed)]
    try:
        while (left := client.xlen("api_calls")) > 0:
            if killed < KILLS and left < calls * (KILLS - killed) / (KILLS + 1):
                time.sleep(dice.random() / 10)
                victim = running.pop(0)
                victim.kill()
                victim.wait()
                running.append(_flusher(bed))
                killed += 1
            time.sleep(0.02)
    finally:
        for process in running:
            process.kill()
            process.wait()
    return killed


def _flusher(bed: Bed) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "flush_calls", "--forever", "--claim-after", "3000",
         "--skip-checks"],
        cwd=services.ROOT, env=bed.stack.env | {"SWITCHYARD_PROCESS": "worker"},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _bare_copy(bed: Bed, rows: int) -> float:
    """Return how many rows a second COPY writes into a table without anything on it."""
    organization, dice = uuid7(), random.Random(3)
    values = list(_rows(organization, dice, rows))
    with bed.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bare (LIKE series.api_calls)")
        began = time.perf_counter()
        with cursor.copy("COPY bare FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
        return rows / (time.perf_counter() - began)


def _rows(organization: UUID, dice: random.Random, rows: int) -> Iterator[tuple[Any, ...]]:
    for _ in range(rows):
        call = _call(organization, dice)
        yield (call.id, call.called_at, call.organization_id, call.api_key_id, call.product,
               call.endpoint, call.method, call.status_code, call.latency_ms, call.outcome,
               None, None)  # fmt: skip


def _one(bed: Bed, statement: str) -> int:
    return int(bed.ask(statement)[0][0] or 0)


if __name__ == "__main__":
    with open_bed() as opened:
        print(measure_recording(opened, int(sys.argv[1]) if len(sys.argv) > 1 else CALLS))
