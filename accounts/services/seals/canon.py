"""What a seal covers and how it is hashed: shared by sealing and verification, so they agree."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from config.kit.ids import keyed_hash

START = hashlib.sha256(b"").digest()
"""What the first seal names as the hash before it."""
CANON_VERSION = 1
ROOT_KEY = "root"
CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Cover:
    """The rows of one seal, as conditions on `audit.logs` (see `accounts.models.Seal`)."""

    kind: str
    after_id: int
    covered_id: int
    upto_id: int | None
    from_txid: str
    until_txid: str

    def where(self) -> tuple[str, list[Any]]:
        if self.kind == "anchor":
            return (
                "id > %s AND id <= %s AND (id > %s OR txid >= %s::xid8)",
                [self.after_id, self.upto_id, self.covered_id, self.from_txid],
            )
        condition = "id > %s AND txid >= %s::xid8 AND txid < %s::xid8"
        values = [self.after_id, self.from_txid, self.until_txid]
        if self.upto_id is not None:
            return f"{condition} AND id <= %s", [*values, self.upto_id]
        return condition, values


@dataclass(frozen=True, slots=True)
class Rows:
    """What was found under a cover: the digest of ids and row hashes, in the order of ids."""

    count: int
    digest: bytes
    first_id: int | None
    last_id: int | None
    first_at: datetime | None
    last_at: datetime | None


def read_rows(cover: Cover, canon_version: int = CANON_VERSION) -> Rows:
    """Hash the rows of a cover, 5,000 at a time, however many they are.

    The hash of a row is made by the database (`audit.canon_<version>`), never shown to anybody.
    """
    condition, values = cover.where()
    digest = hashlib.sha256()
    count = 0
    first_id: int | None = None
    last_id: int | None = None
    times: list[datetime] = []
    # A cursor of the server's needs a transaction; it keeps one chunk in memory.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT id, sha256(audit.canon_{int(canon_version)}(l)), at FROM audit.logs l"  # noqa: S608
            f" WHERE {condition} ORDER BY id",
            values,
        )
        while chunk := cursor.fetchmany(CHUNK):
            for key, row_hash, _ in chunk:
                digest.update(key.to_bytes(8, "big"))
                digest.update(row_hash)
            first_id, last_id = first_id or chunk[0][0], chunk[-1][0]
            found = [*times, *(row[2] for row in chunk)]
            times = [min(found), max(found)]
            count += len(chunk)
    first_at, last_at = times or (None, None)
    return Rows(count, digest.digest(), first_id, last_id, first_at, last_at)


def hash_of(
    seq: int, system_id: str, cover: Cover, rows: Rows, *, previous: bytes, sealed_at: datetime
) -> bytes:
    """Hash a seal: everything it says, and the hash of the seal before."""
    said = "|".join(
        "-" if value is None else _text(value)
        for value in (
            CANON_VERSION, seq, system_id, cover.kind, cover.after_id, cover.covered_id,
            cover.upto_id, cover.from_txid, cover.until_txid, rows.count, rows.first_id,
            rows.last_id, rows.first_at, rows.last_at, sealed_at,
        )
    )  # fmt: skip
    return hashlib.sha256(previous + rows.digest + said.encode()).digest()


def sign(key_id: str, sealed: bytes) -> str:
    """Return the HMAC of a seal's hash, hex; raises `KeyError` for a key this house never had.

    The keys are `AUDIT_SEAL_KEYS`, newest first; without any, one is derived from the root of the
    house's secrets. An old key stays in the setting for good: every verification needs it.
    """
    if key_id == ROOT_KEY:
        return keyed_hash("audit-seal", sealed.hex())
    key = settings.AUDIT_SEAL_KEYS[key_id]
    return hmac.new(key.encode(), sealed, hashlib.sha256).hexdigest()


def current_key() -> str:
    return next(iter(settings.AUDIT_SEAL_KEYS), ROOT_KEY)


def _text(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
