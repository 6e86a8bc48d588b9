"""Idempotency keys: the first request is executed, its repetitions get the same answer.

A key is bound to method, path and parameters. It is forgotten after the retention
time on the vendor's clock, and at once when nothing was executed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from billing.standins.stripe import errors
from billing.standins.stripe.store import Store
from billing.standins.stripe.web import Request

DEFAULT_RETENTION_SECONDS: Final = 86_400
RETENTION_SETTING: Final = "key_retention"


@dataclass(frozen=True, slots=True)
class Saved:
    status: int
    body: str
    request_id: str


def claim(store: Store, key: str, request: Request, request_id: str) -> Saved | None:
    """The saved answer; or nothing, and then the key is ours until saved or released."""
    fingerprint = _fingerprint(request)
    with store.transaction():
        retention = store.setting(RETENTION_SETTING) or DEFAULT_RETENTION_SECONDS
        store.run(
            "DELETE FROM idempotency WHERE claimed_at <= ? AND status IS NOT NULL",
            store.now() - retention,
        )
        rows = store.run(
            "SELECT fingerprint, status, body, request_id FROM idempotency WHERE key = ?", key
        )
        if not rows:
            store.run(
                "INSERT INTO idempotency (key, fingerprint, claimed_at, request_id) "
                "VALUES (?, ?, ?, ?)",
                key,
                fingerprint,
                store.now(),
                request_id,
            )
            return None
    known, status, body, first_request = rows[0]
    if known != fingerprint:
        raise errors.key_reused(key)
    if status is None:
        raise errors.key_in_use(key)
    return Saved(status, body, first_request)


def save(store: Store, key: str, status: int, body: str) -> None:
    store.run("UPDATE idempotency SET status = ?, body = ? WHERE key = ?", status, body, key)


def release(store: Store, key: str) -> None:
    store.run("DELETE FROM idempotency WHERE key = ? AND status IS NULL", key)


def _fingerprint(request: Request) -> str:
    pairs = sorted(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return hashlib.sha256(repr((request.method, request.path, pairs)).encode()).hexdigest()
