"""What every measurement stands on: servers of its own, a license to ask about, a database."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault(
    "SWITCHYARD_TEST_VAR", str(Path(__file__).resolve().parent.parent / "var/bench")
)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

from tests import services

django.setup()

import httpx  # noqa: E402
import psycopg  # noqa: E402

from config.embedded.ports import first_free  # noqa: E402
from tests.stack import Stack, make_stack, wait_for  # noqa: E402

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One line of the table; `ratio` is the figure against its limit."""

    what: str
    figure: str
    limit: str
    ratio: float
    wanted: str


@dataclass(frozen=True)
class Bed:
    stack: Stack
    bare: str
    postgres_version: str
    full: bool = False

    def sized(self, full: int) -> int:
        """Return how many rows to measure: `full` with --full, a tenth of it without."""
        return full if self.full else full // 10

    def connect(self, role: str = "SYSTEM") -> psycopg.Connection[Any]:
        return psycopg.connect(self.stack.env[f"DATABASE_{role}_URL"])

    def ask(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql, params).fetchall()


@contextmanager
def open_bed(*, full: bool = False) -> Iterator[Bed]:
    """Start the web process (one worker, as in production) and the bare limit beside it."""
    stack = make_stack("bench", services.VAR / "bench")
    port = first_free(18900)
    bare = subprocess.Popen(
        [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "--blocking-threads", "4", "--no-ws",
            "--log-level", "warning", "benchmarks.bare:application",
        ],
        cwd=services.ROOT,
        env=stack.env,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/"
    try:
        stack.start("simstripe", "web")
        subprocess.run(
            [sys.executable, "manage.py", "seed"],
            cwd=services.ROOT, env=stack.env | {"SWITCHYARD_PROCESS": "command"},
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(lambda: _answers(address), seconds=30)
        with psycopg.connect(stack.env["DATABASE_SYSTEM_URL"]) as connection:
            version = connection.info.parameter_status("server_version") or ""
        yield Bed(stack, address, version, full)
    finally:
        bare.terminate()
        bare.wait()
        stack.stop()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def in_turn(figure: Callable[[], float], limit: Callable[[], float]) -> tuple[float, float, float]:
    """Measure both in turn and return the medians of figure, limit and their ratio."""
    figure(), limit()
    pairs = [(figure(), limit()) for _ in range(ROUNDS)]
    ratios = [a / b for a, b in pairs]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(ratios),
    )
