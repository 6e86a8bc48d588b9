"""Run by test_pool: threads of one process that read as two organizations, and what it cost."""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import django

django.setup()

from django.db import connection, connections, transaction  # noqa: E402

from accounts.models import Membership  # noqa: E402
from config.kit import context  # noqa: E402

THREADS, TURNS = 12, 60
_gone_wrong: list[str] = []
_most = 0
_lock = threading.Lock()


def _read(organization: UUID, expected: int) -> None:
    """One request: a transaction as this organization, then its end as Django ends it."""
    global _most
    with context.acting(organization_id=organization), transaction.atomic():
        found = Membership.objects.count()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool_worker'"
            )
            (open_now,) = cursor.fetchone()
    # Nothing of the tenant may be left on a connection that goes back.
    with context.use(context.Context()), transaction.atomic():
        left = Membership.objects.count()
    for each in connections.all(initialized_only=True):
        each.close_if_unusable_or_obsolete()
    with _lock:
        _most = max(_most, open_now)
        if found != expected or left:
            _gone_wrong.append(f"{organization}: {found} of {expected}, {left} left")


def main() -> None:
    asked = {UUID(key): count for key, count in json.loads(sys.argv[1]).items()}
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as threads:
        turns = [item for _ in range(TURNS) for item in asked.items()] * 3
        list(threads.map(lambda item: _read(*item), turns))
    seconds = time.monotonic() - began
    print(json.dumps({"wrong": _gone_wrong, "most": _most, "per_second": len(turns) / seconds}))  # noqa: T201


if __name__ == "__main__":
    main()
