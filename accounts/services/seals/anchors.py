"""Anchors: the head of each seal in a file outside the database, so that a cut tail shows."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from accounts.models import Seal


@dataclass(frozen=True, slots=True)
class Anchor:
    """What leaves of a seal: enough to recognize it, nothing of what it covers."""

    seq: int
    hash: str
    sealed_at: str
    mac: str


def export(seal: Seal) -> None:
    """Append the seal's head to this month's file; it is on the disk when this returns.

    `AUDIT_ANCHOR_DIR` is best a mount that only appends, or a directory that another host collects.
    """
    directory = Path(settings.AUDIT_ANCHOR_DIR)
    directory.mkdir(parents=True, exist_ok=True, mode=0o750)
    anchor = Anchor(seal.seq, bytes(seal.hash).hex(), seal.sealed_at.isoformat(), seal.mac)
    path = directory / f"seals-{seal.sealed_at:%Y%m}.jsonl"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, json.dumps(asdict(anchor)).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def exported(since: datetime | None = None) -> Iterator[Anchor]:
    """Read the anchors of the months from `since` on; a torn last line is passed over."""
    first = f"seals-{since:%Y%m}.jsonl" if since else ""
    for path in sorted(Path(settings.AUDIT_ANCHOR_DIR).glob("seals-*.jsonl")):
        if path.name < first:
            continue
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                anchor = _read(line)
                if anchor is not None:
                    yield anchor


def _read(line: str) -> Anchor | None:
    try:
        return Anchor(**json.loads(line))
    except (ValueError, TypeError):
        return None
