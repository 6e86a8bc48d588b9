"""The door to Redis for hot paths: one script per call, and a breaker when it is away.

Each thread keeps a connection of its own and speaks on it directly: half the time of a command
through the client is spent on borrowing a connection from the pool and giving it back.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import Any

import hiredis
import redis
import structlog

from config.kit.redis import connect

logger = structlog.get_logger(__name__)
RETRY_AFTER = 1.0


class CacheAway(Exception):
    """Redis does not answer. The database knows everything that Redis does; ask it."""


class CacheRefused(CacheAway):
    """Redis answers, but not to this: a value of another type, no memory, read only."""


class _Breaker:
    """After a failure nobody waits for Redis for a second; then one caller tries again."""

    def __init__(self) -> None:
        self._closed_again_at = 0.0

    def let_through(self) -> bool:
        if not self._closed_again_at:
            return True
        if time.monotonic() < self._closed_again_at:
            return False
        self._closed_again_at = time.monotonic() + RETRY_AFTER
        return True

    def succeeded(self) -> None:
        if self._closed_again_at:
            self._closed_again_at = 0.0
            logger.info("redis.answers_again")

    def failed(self, error: Exception) -> None:
        if not self._closed_again_at:
            logger.warning("redis.went_away", error=type(error).__name__)
        self._closed_again_at = time.monotonic() + RETRY_AFTER


breaker = _Breaker()


class _Line(threading.local):
    """This thread's connection; made anew after a fork and when the address changes."""

    def __init__(self) -> None:
        self.made_for: tuple[Any, int] | None = None
        self.connection: Any = None

    def call(self, *command: Any) -> Any:
        """Send one command and return its answer; a connection that went stale is renewed once."""
        pool, pid = connect().connection_pool, os.getpid()
        if self.made_for != (pool, pid):
            # Beside the pool, which counts what it lends: a thread's end must not cost it a place.
            self.connection = pool.connection_class(**pool.connection_kwargs)
            self.made_for = (pool, pid)
        was_open = self.connection.is_connected
        try:
            return self._call(command)
        except redis.TimeoutError:
            raise
        except redis.ConnectionError:
            if not was_open:
                raise
            return self._call(command)

    def _call(self, command: tuple[Any, ...]) -> Any:
        self.connection.send_packed_command([hiredis.pack_command(command)])
        return self.connection.read_response()


line = _Line()


class Script:
    """A Lua script, sent once and called by its hash."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: list[str], *arguments: Any) -> Any:
        """Run the script; raises `CacheAway` when Redis does not answer, or refuses."""
        if not breaker.let_through():
            raise CacheAway
        try:
            answer = self._run(len(keys), *keys, *arguments)
        except redis.exceptions.ResponseError as error:
            logger.warning("redis.refused", error=str(error)[:200])
            raise CacheRefused from error
        except redis.RedisError as error:
            breaker.failed(error)
            raise CacheAway from error
        breaker.succeeded()
        return answer

    def _run(self, *arguments: Any) -> Any:
        try:
            return line.call("EVALSHA", self.sha, *arguments)
        except redis.exceptions.NoScriptError:
            return line.call("EVAL", self.source, *arguments)
