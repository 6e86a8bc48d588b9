"""A repeated POST acts once: the key and its answer are written in the work's own transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import OperationalError, transaction
from psycopg.errors import LockNotAvailable

from accounts.models import IdempotencyRecord, Organization
from config.kit.errors import Conflict, DomainError
from config.kit.ids import seal, unseal

KEPT = timedelta(hours=24)


class KeyReused(DomainError):
    code = "idempotency_mismatch"
    status: ClassVar[int] = 422
    message = "This Idempotency-Key was used for another request."


class KeyInFlight(Conflict):
    code = "idempotency_in_flight"
    message = "The first request with this Idempotency-Key is still running."


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    content_type: str


def fingerprint(method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"\x00".join([method.encode(), path.encode(), body])).hexdigest()


@transaction.atomic
def run_once(
    organization: Organization, *, key: str, fingerprint: str, work: Callable[[], Reply]
) -> tuple[Reply, bool]:
    """Return the answer of `work` and whether it is a replay.

    A second request with the key waits on the unique index until the first has ended, then
    gets the same answer; when the first failed there is no row and the work is done now.
    Raises `KeyReused` for another body, `KeyInFlight` when waiting takes too long.
    """
    record = IdempotencyRecord(organization=organization, key=key, fingerprint=fingerprint)
    try:
        IdempotencyRecord.objects.bulk_create([record], ignore_conflicts=True)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise KeyInFlight from error
        raise
    stored = IdempotencyRecord.objects.for_organization(organization).get(key=key)
    if stored.pk != record.pk:
        if stored.fingerprint != fingerprint:
            raise KeyReused
        body = unseal(stored.body).encode()
        return Reply(stored.status or 200, body, stored.content_type), True
    reply = work()
    # Sealed: an answer may hold a key that is shown once and stored nowhere else.
    stored.body = seal(reply.body.decode())
    stored.status, stored.content_type = reply.status, reply.content_type
    stored.save(update_fields=["status", "body", "content_type"])
    return reply, False


def forget_old_keys(*, at: datetime) -> int:
    """Delete keys older than 24 hours; return how many."""
    deleted, _ = IdempotencyRecord.objects.filter(created_at__lt=at - KEPT).delete()
    return deleted
