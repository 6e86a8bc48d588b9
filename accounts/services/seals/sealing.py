"""Sealing: the rows that became final since the last seal are hashed, chained and signed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Max
from django.utils.timezone import now

from accounts.models import Seal
from accounts.services.seals import anchors, canon
from accounts.services.seals.canon import Cover, Rows

logger = structlog.get_logger(__name__)

_INSERT = """
INSERT INTO audit.seals (seq, kind, system_id, after_id, covered_id, upto_id, from_txid, until_txid,
    row_count, first_id, last_id, first_at, last_at, canon_version, rows_digest, previous, hash,
    key_id, mac, sealed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s::xid8, %s::xid8, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_LAG = """
SELECT min(at) FROM audit.logs WHERE id > %s AND txid >= %s::xid8
"""


@transaction.atomic
def seal_rows() -> Seal | None:
    """Seal what became final since the last seal; None when nothing did, or another is at it.

    A row is final when no transaction older than its own is still running: a long transaction
    holds its own rows and everything after it back, and none of them is lost.
    """
    # Nobody waits for a sealer that has a long backlog: the next minute continues from its seal.
    if not _ask("SELECT pg_try_advisory_xact_lock(hashtext('audit.seals'))"):
        return None
    head = Seal.objects.order_by("-seq").first()
    system_id = _ask("SELECT audit.system_identifier()")
    restarted = head is not None and head.system_id != system_id
    cover = _anchor(head) if restarted else _window(head)  # type: ignore[arg-type]
    rows = canon.read_rows(cover)
    if not rows.count and not restarted:
        return None
    return _add(head, system_id, cover, rows)


def seal_lag(at: datetime) -> timedelta:
    """Return how long the oldest entry without a seal has waited. Zero when all are sealed."""
    head = Seal.objects.order_by("-seq").first()
    after, since = _beginning(head)
    with connection.cursor() as cursor:
        cursor.execute(_LAG, [after, since])
        (oldest,) = cursor.fetchone()
    return at - oldest if oldest else timedelta(0)


def _window(head: Seal | None) -> Cover:
    after, since = _beginning(head)
    until = _ask("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
    return Cover("window", after, 0, None, since, until)


def _beginning(head: Seal | None) -> tuple[int, str]:
    """Return after which id and from which transaction the next window begins."""
    if head is None:
        return 0, "0"
    return (head.upto_id or 0 if head.kind == Seal.Kind.ANCHOR else head.after_id), head.until_txid


def _anchor(head: Seal) -> Cover:
    """Cover everything that the seals from the other cluster did not: see audit.hold_writers."""
    upto = _ask("SELECT audit.hold_writers()")
    until = _ask("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
    after, since = _beginning(head)
    windows = Seal.objects.filter(after_id=after, kind=Seal.Kind.WINDOW)
    covered = windows.aggregate(last=Max("last_id"))["last"] or after
    return Cover("anchor", after, covered, upto, since, until)


def _add(head: Seal | None, system_id: str, cover: Cover, rows: Rows) -> Seal:
    seq, previous = (head.seq + 1, bytes(head.hash)) if head else (1, canon.START)
    at, key_id = now(), canon.current_key()
    sealed = canon.hash_of(seq, system_id, cover, rows, previous=previous, sealed_at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            [
                seq, cover.kind, system_id, cover.after_id, cover.covered_id, cover.upto_id,
                cover.from_txid, cover.until_txid, rows.count, rows.first_id, rows.last_id,
                rows.first_at, rows.last_at, canon.CANON_VERSION, rows.digest, previous, sealed,
                key_id, canon.sign(key_id, sealed), at,
            ],
        )  # fmt: skip
    seal = Seal.objects.get(seq=seq)
    transaction.on_commit(lambda: _publish(seal))
    return seal


def _publish(seal: Seal) -> None:
    """Leave the head outside the database: in the anchor file, and in the log of the process."""
    anchors.export(seal)
    logger.info(
        "audit.sealed", seq=seal.seq, rows=seal.row_count, hash=bytes(seal.hash).hex(),
        sealed_at=seal.sealed_at.isoformat(),
    )  # fmt: skip


def _ask(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
