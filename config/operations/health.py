"""Whether this process can serve: what /readyz asks, at most every other second."""

from __future__ import annotations

import time
from functools import lru_cache
from threading import Lock

from django.conf import settings
from django.core.checks import ERROR
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from redis import RedisError

from config import checks
from config.kit.redis import connect

OK, AWAY, UNKNOWN = "ok", "unavailable", "unknown"
NEEDED = ("postgresql", "migrations", "wall")
FRESH = 1.5
"""Seconds an answer is good for: a crowd of probes costs the database one look."""
PATIENCE = 1.0
"""Seconds a probe waits for the look of another: one that hangs holds no second thread."""
_lock = Lock()
_last: tuple[float, dict[str, str]] = (float("-inf"), {})


def readiness() -> tuple[bool, dict[str, str]]:
    """Return whether all that is needed is there, and a word on each part.

    Redis is missed but not needed: without it answers are slower and devices are unknown.
    """
    global _last
    if not _lock.acquire(timeout=PATIENCE):
        return False, {"postgresql": UNKNOWN, "redis": UNKNOWN, "migrations": UNKNOWN}
    try:
        if time.monotonic() - _last[0] > FRESH:
            parts = _look()
            _last = (time.monotonic(), parts)
        parts = _last[1]
    finally:
        _lock.release()
    return all(parts.get(name, OK) == OK for name in NEEDED), parts


def forget() -> None:
    """Look anew next time."""
    global _last
    _last = (float("-inf"), {})


def _look() -> dict[str, str]:
    parts = {"postgresql": OK, "redis": _redis()}
    try:
        parts["migrations"] = _migrations()
    except Error:
        parts |= {"postgresql": AWAY, "migrations": UNKNOWN}
    if settings.PROCESS == "web":
        parts["wall"] = _wall()
    return parts


def _redis() -> str:
    try:
        connect().ping()
    except RedisError:
        return AWAY
    return OK


def _migrations() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = _wanted() - set(cursor.fetchall())
    return f"{len(missing)} not applied" if missing else OK


@lru_cache(maxsize=1)
def _wanted() -> frozenset[tuple[str, str]]:
    """Return the newest migrations of this version of the code."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(loader.graph.leaf_nodes())


def _wall() -> str:
    found = checks.role_cannot_bypass_the_wall(None)
    if not found:
        return OK
    return "the role could bypass it" if found[0].level >= ERROR else UNKNOWN
