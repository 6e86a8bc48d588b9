"""A connection that is lost is Django's error, whichever statement meets it first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from accounts.models import Organization
from config.kit import context


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _end(backend: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    finally:
        connection.close()


@pytest.mark.parametrize("around", [transaction.atomic, nullcontext])
def test_telling_the_context_raises_what_a_statement_would(
    live_database: None, around: Any
) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_end, _backend()).result()
    with context.acting(actor_kind="worker"), pytest.raises(OperationalError), around():
        Organization.objects.update(name="New")
