"""Sealing beside other tests, whose open transactions hold it back."""

from __future__ import annotations

import time

from django.db import connection

from accounts.models import Seal
from accounts.services.seals import sealing

_IS_SETTLED = """
    SELECT txid < pg_snapshot_xmin(pg_current_snapshot()) FROM audit.logs ORDER BY id DESC LIMIT 1
"""


def seal_rows() -> Seal | None:
    """Seal what is committed, once no transaction of this server is older than it."""
    deadline = time.monotonic() + 60
    while not _is_settled():
        assert time.monotonic() < deadline, "a transaction is open on this server"
        time.sleep(0.02)
    return sealing.seal_rows()


def _is_settled() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_IS_SETTLED)
        newest = cursor.fetchone()
    return newest is None or bool(newest[0])
