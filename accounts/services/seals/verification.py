"""Verification: is every seal what it was, is the chain whole, does it reach the anchors?"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import connection
from django.utils.timezone import now

from accounts.models import Seal
from accounts.services.seals import anchors, canon
from accounts.services.seals.canon import Cover, Rows

BATCH = 1_000
YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that is not as it was sealed. `seq` is 0 when it is about no single seal."""

    seq: int
    what: str


@dataclass(slots=True)
class Report:
    """What was looked at and what was found; `rows` counts those that were hashed again."""

    seals: int = 0
    rows: int = 0
    retired: int = 0
    anchors: int = 0
    breaks: list[Break] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.breaks


def verify(since: datetime | None = None) -> Iterator[Report]:
    """Check the chain from its beginning and the rows of the seals made from `since` on.

    Yields the same report as it grows, once a seal, so that a command can show progress; the last
    one is the result. Rows are read in chunks, seals in batches: memory stays the same for years.
    """
    report = Report()
    gone = _retired_until(report)
    anchored = list(
        Seal.objects.filter(kind=Seal.Kind.ANCHOR).order_by("seq").values_list("seq", "covered_id")
    )
    before: Seal | None = None
    for seal in _seals():
        report.seals += 1
        _check_link(report, seal, before)
        if since is None or seal.sealed_at >= since:
            # Rows written after a restart of the numbers are none of an older window's.
            bound = next((last for seq, last in anchored if seq > seal.seq), None)
            _check_rows(report, seal, gone, bound)
        before = seal
        yield report
    _check_anchors(report, since)
    yield report


def verify_all(since: datetime | None = None) -> Report:
    *_, report = verify(since)
    return report


def _seals() -> Iterator[Seal]:
    """Yield every seal in order; by keyset, so that no cursor stays open between the checks."""
    last = 0
    while batch := list(Seal.objects.filter(seq__gt=last).order_by("seq")[:BATCH]):
        yield from batch
        last = batch[-1].seq


def _check_link(report: Report, seal: Seal, before: Seal | None) -> None:
    """Compare a seal with itself and with the one before; asks nothing of the rows."""
    expected_seq, expected_hash = (before.seq + 1, before.hash) if before else (1, canon.START)
    if seal.seq != expected_seq:
        report.breaks.append(Break(expected_seq, "the seal is missing"))
    if bytes(seal.previous) != bytes(expected_hash):
        report.breaks.append(Break(seal.seq, "does not name the seal before it"))
    stated = Rows(
        seal.row_count, bytes(seal.rows_digest), seal.first_id, seal.last_id, seal.first_at,
        seal.last_at,
    )  # fmt: skip
    again = canon.hash_of(
        seal.seq, seal.system_id, cover_of(seal), stated,
        previous=bytes(seal.previous), sealed_at=seal.sealed_at,
    )  # fmt: skip
    if again != bytes(seal.hash):
        report.breaks.append(Break(seal.seq, "says something else than it was sealed with"))
    if not _is_signed(seal):
        report.breaks.append(Break(seal.seq, f"is not signed by key {seal.key_id}"))
    if before and seal.kind == Seal.Kind.WINDOW and not _continues(seal, before):
        report.breaks.append(Break(seal.seq, "leaves a gap after the seal before it"))


def _is_signed(seal: Seal) -> bool:
    try:
        return hmac.compare_digest(seal.mac, canon.sign(seal.key_id, bytes(seal.hash)))
    except KeyError:
        return False


def _continues(seal: Seal, before: Seal) -> bool:
    after = before.upto_id if before.kind == Seal.Kind.ANCHOR else before.after_id
    return seal.from_txid == before.until_txid and seal.after_id == (after or 0)


def _check_rows(report: Report, seal: Seal, gone: datetime | None, bound: int | None) -> None:
    if gone is not None and seal.first_at is not None and seal.first_at < gone:
        report.retired += 1
        return
    cover = cover_of(seal)
    if bound is not None and seal.kind == Seal.Kind.WINDOW:
        cover = replace(cover, upto_id=bound)
    found = canon.read_rows(cover, seal.canon_version)
    report.rows += found.count
    if found.count != seal.row_count:
        report.breaks.append(Break(seal.seq, f"{found.count} rows instead of {seal.row_count}"))
    elif found.digest != bytes(seal.rows_digest):
        report.breaks.append(Break(seal.seq, "a row was changed"))


def _check_anchors(report: Report, since: datetime | None) -> None:
    """Compare with what left the database: a tail cut off in it is still written there."""
    batch: list[anchors.Anchor] = []
    for anchor in anchors.exported(since):
        batch.append(anchor)
        report.anchors += 1
        if len(batch) == BATCH:
            _compare(report, batch)
            batch = []
    _compare(report, batch)


def _compare(report: Report, batch: list[anchors.Anchor]) -> None:
    known = Seal.objects.in_bulk([anchor.seq for anchor in batch])
    for anchor in batch:
        seal = known.get(anchor.seq)
        if seal is None:
            report.breaks.append(Break(anchor.seq, "was exported and is no longer here"))
        elif bytes(seal.hash).hex() != anchor.hash:
            report.breaks.append(Break(anchor.seq, "is not the seal that was exported"))


def _retired_until(report: Report) -> datetime | None:
    """Return until when months have left by retention; one that left too early is a break."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT part, ends_at, retired_at FROM audit.retired ORDER BY ends_at")
        months = cursor.fetchall()
    for part, ends_at, retired_at in months:
        if retired_at - ends_at < YEAR - timedelta(days=2) or retired_at > now():
            report.breaks.append(Break(0, f"{part} left before its year was over"))
    return months[-1][1] if months else None


def cover_of(seal: Seal) -> Cover:
    return Cover(
        seal.kind, seal.after_id, seal.covered_id, seal.upto_id, seal.from_txid, seal.until_txid
    )
