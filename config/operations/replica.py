"""Reads of people's pages go to a replica, as long as nobody can tell the difference.

Only where DATABASE_<ROLE>_REPLICA_URL is set, and only for GET and HEAD requests of somebody who
is signed in with a session and who has not written, nor anybody of their organization, within
READ_OWN_WRITES_SECONDS. From the first write of a request on, inside any transaction that a
service opened, and whenever the replica is away or too far behind, everything is read from the
primary. Raw cursors, workers, commands and calls with API credentials always are.

An object that was read from the replica is saved to the primary; `refresh_from_db` of one that
was not saved reads the replica again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.http import HttpRequest, HttpResponse
from redis import RedisError

from config.kit.redis import connect

logger = structlog.get_logger(__name__)
ALIAS = "replica"
SAFE = frozenset({"GET", "HEAD"})
AVOIDED = 10.0
"""Seconds for which a replica that failed is not asked again."""
TRUSTED = 2.0
"""Seconds for which a replica that was found in step counts as in step."""
# A replica that receives nothing may be as old as it likes: it says NULL.
_BEHIND = """
SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN 0
    WHEN NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN NULL
    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
    ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp())
END::float"""
_avoided_until = 0.0
_trusted_until = 0.0


class Reads:
    """What one request may do with the replica. `own_blocks` are transactions around it anyway."""

    def __init__(self, *, allowed: bool = True) -> None:
        self.allowed = allowed
        self.wrote = False
        self.own_blocks = len(connections[DEFAULT_DB_ALIAS].atomic_blocks)
        self._stack = ExitStack()
        self._opened: bool | None = None

    def may_use_replica(self) -> bool:
        if not self.allowed or self.wrote:
            return False
        if len(connections[DEFAULT_DB_ALIAS].atomic_blocks) > self.own_blocks:
            return False
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> bool:
        """Begin one transaction for all reads, so that the tenant is announced once."""
        global _avoided_until
        if time.monotonic() < _avoided_until:
            return False
        try:
            self._stack.enter_context(transaction.atomic(using=ALIAS))
            if _is_in_step():
                return True
            logger.warning("replica.behind")
        except Error as error:
            logger.warning("replica.unavailable", error=str(error).strip())
        _avoided_until = time.monotonic() + AVOIDED
        return False

    def close(self) -> None:
        connection = connections[ALIAS]
        if connection.in_atomic_block:
            # Nothing was written; what failed there must not fail again here.
            connection.set_rollback(True)
        self._stack.close()


_current: ContextVar[Reads | None] = ContextVar("switchyard_replica", default=None)


def _is_in_step() -> bool:
    global _trusted_until
    if time.monotonic() < _trusted_until:
        return True
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(_BEHIND)
        (behind,) = cursor.fetchone()
    if behind is None or behind > settings.READ_OWN_WRITES_SECONDS / 2:
        return False
    _trusted_until = time.monotonic() + TRUSTED
    return True


def forget() -> None:
    """Ask the replica anew next time."""
    global _avoided_until, _trusted_until
    _avoided_until = _trusted_until = 0.0


@contextmanager
def reading(*, allowed: bool = True) -> Iterator[Reads]:
    """Let reads of the block go to the replica, until something is written."""
    reads = Reads(allowed=allowed)
    token = _current.set(reads)
    try:
        yield reads
    finally:
        _current.reset(token)
        reads.close()


class ReplicaRouter:
    """Django's question: where to?"""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        reads = _current.get()
        return ALIAS if reads is not None and reads.may_use_replica() else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        reads = _current.get()
        if reads is not None:
            reads.wrote = True
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == ALIAS else None


class ReplicaMiddleware:
    """Opens the replica to a request that may use it, and remembers who has written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in SAFE:
            response = self.get_response(request)
            remember(request)
            return response
        with reading(allowed=False) as reads:
            response = self.get_response(request)
        if reads.wrote:
            remember(request)
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> None:
        """Decide last of all: only now is known who asks and for which organization."""
        reads = _current.get()
        if reads is None:
            return
        reads.allowed = _may_read(request)
        # ATOMIC_REQUESTS wraps the view in a transaction that is no service's.
        if DEFAULT_DB_ALIAS not in getattr(view, "_non_atomic_requests", ()):
            reads.own_blocks += 1


def _may_read(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or "Authorization" in request.headers:
        return False
    try:
        return not connect().exists(*_keys(request))
    except RedisError:
        return False


def remember(request: HttpRequest) -> None:
    """Keep who wrote, and their organization, on the primary for a while."""
    keys = _keys(request)
    if not keys:
        return
    try:
        pipeline = connect().pipeline(transaction=False)
        for key in keys:
            pipeline.set(key, b"", ex=settings.READ_OWN_WRITES_SECONDS)
        pipeline.execute()
    except RedisError:
        return  # without Redis nobody reads from the replica at all


def _keys(request: HttpRequest) -> list[str]:
    """Name whose writes concern each other; an API key is nobody, but writes for an organization."""
    keys = []
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        keys.append(f"operations:wrote:user:{user.pk}")
    organization = getattr(request, "organization", None)
    if organization is not None:
        keys.append(f"operations:wrote:organization:{organization.pk}")
    return keys
