"""Ids of calls: of a verified one nobody can make up, of a reported one the same at a repetition."""

from __future__ import annotations

from uuid import UUID

from config.kit.ids import keyed_hash, keyed_hashes, newest_keyed_hash, uuid7

VERIFIED, REPORTED = "verified-call", "reported-call"
_MARK = 32  # the last bits of an id, made from those before it


def verified_id() -> UUID:
    """Return an id for a call that is verified now; `is_verified` knows it again."""
    head = uuid7().int >> _MARK
    return UUID(int=head << _MARK | _mark(newest_keyed_hash(VERIFIED, f"{head:x}")))


def is_verified(key: UUID) -> bool:
    """Tell whether a verification gave this id: it was recorded and counted then."""
    head, mark = key.int >> _MARK, key.int & (1 << _MARK) - 1
    return any(_mark(text) == mark for _, text in keyed_hashes(VERIFIED, f"{head:x}"))


def noise_of(organization_id: UUID, idempotency_key: str, index: int, item: str) -> int:
    """Return random bits for the call at `index` of a batch, the same when it is sent again."""
    return int(keyed_hash(REPORTED, f"{organization_id} {index} {idempotency_key} {item}"), 16)


def _mark(text: str) -> int:
    return int(text[: _MARK // 4], 16)
