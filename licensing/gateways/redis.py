"""The door to Redis for hot paths: one script per call, and a breaker when it is away."""

from __future__ import annotations

import hashlib
import time
from typing import Any

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


class Script:
    """A Lua script, sent once and called by its hash."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: list[str], *arguments: Any) -> Any:
        """Run the script; raises `CacheAway` when Redis does not answer, or refuses."""
        if not breaker.let_through():
            raise CacheAway
        client = connect()
        try:
            try:
                answer = client.evalsha(self.sha, len(keys), *keys, *arguments)
            except redis.exceptions.NoScriptError:
                answer = client.eval(self.source, len(keys), *keys, *arguments)
        except redis.exceptions.ResponseError as error:
            logger.warning("redis.refused", error=str(error)[:200])
            raise CacheRefused from error
        except redis.RedisError as error:
            breaker.failed(error)
            raise CacheAway from error
        breaker.succeeded()
        return answer
