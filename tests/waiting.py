"""Work that another transaction holds up: begun in a thread, waited for until it stands still."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import Queue
from time import monotonic, sleep
from typing import Any

from django.db import connection

PATIENCE = 30.0


def until_blocked(pool: Executor, work: Callable[[], Any]) -> Future[Any]:
    """Begin the work on a connection of its own; return once it is done or waits for a lock."""
    found: Queue[int] = Queue()

    def run() -> Any:
        try:
            connection.ensure_connection()
            found.put(connection.connection.info.backend_pid)
            return work()
        finally:
            connection.close()

    future = pool.submit(run)
    process, given_up = found.get(timeout=PATIENCE), monotonic() + PATIENCE
    while not (future.done() or _is_blocked(process)):
        assert monotonic() < given_up, "neither done nor waiting for a lock"
        sleep(0.01)
    return future


def _is_blocked(process: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [process])
        return bool(cursor.fetchone()[0])
