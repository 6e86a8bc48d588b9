"""The door to Redis for hot paths: one script per call, and a breaker when it is away.

Each thread keeps a connection of its own and speaks on it directly: half the time of a command
through the client is spent on borrowing a connection from the pool and giving it back.
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
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


class CacheNotAsked(CacheAway):
    """Nothing was sent: Redis was away a moment ago. Without this it may still do what it was sent."""


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


class _Wire:
    """One open connection. redis-py makes it (address, password, TLS); commands go from here."""

    def __init__(self, pool: Any) -> None:
        # Beside the pool, which counts what it lends: a thread's end must not cost it a place.
        # No RESP3: its pushes would stand between a command and its answer.
        self._connection = pool.connection_class(**pool.connection_kwargs | {"protocol": 2})
        self._connection.connect()
        self._socket = self._connection._sock
        self._reader = hiredis.Reader(protocolError=redis.ConnectionError, replyError=_refusal_of)
        if type(self._socket) is socket.socket:
            _let_the_kernel_wait(self._socket)

    def call(self, command: tuple[Any, ...]) -> Any:
        """Send a command and return its answer, a refusal too; raises only when none came.

        After that the wire is of no use: what is still to come would answer the next command.
        """
        try:
            self._socket.sendall(hiredis.pack_command(command))
            reply = self._reader.gets()
            while reply is False:
                received = self._socket.recv(65536)
                if not received:
                    raise redis.ConnectionError("Redis closed the connection.")
                self._reader.feed(received)
                reply = self._reader.gets()
        except (TimeoutError, BlockingIOError) as error:
            raise redis.TimeoutError("Redis does not answer in time.") from error
        except OSError as error:
            raise redis.ConnectionError(str(error)) from error
        return reply

    def __del__(self) -> None:
        self._connection.disconnect()


class _Line(threading.local):
    """This thread's connection; made anew after a fork and when the address changes."""

    def __init__(self) -> None:
        self._made_for: tuple[Any, int] | None = None
        self._wire: _Wire | None = None

    def call(self, *command: Any) -> Any:
        """Send one command and return its answer; a connection that went stale is renewed once."""
        pool, pid = connect().connection_pool, os.getpid()
        if self._made_for != (pool, pid):
            self._wire, self._made_for = None, (pool, pid)
        if self._wire is not None:
            try:
                return self._answer(self._wire, command)
            except redis.TimeoutError:
                raise
            except redis.ConnectionError:
                pass
        return self._answer(_Wire(pool), command)

    def _answer(self, wire: _Wire, command: tuple[Any, ...]) -> Any:
        self._wire = None  # until an answer has come
        reply = wire.call(command)
        self._wire = wire
        if isinstance(reply, redis.RedisError):
            raise reply
        return reply


def _let_the_kernel_wait(plain: socket.socket) -> None:
    """Keep a socket's timeout, but without Python's poll before each call on it."""
    seconds = plain.gettimeout()
    if seconds is not None:
        whole, part = divmod(seconds, 1)
        limit = struct.pack("ll", int(whole), int(part * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            plain.setsockopt(socket.SOL_SOCKET, option, limit)
        plain.settimeout(None)


def _refusal_of(message: str) -> redis.RedisError:
    if message.startswith("NOSCRIPT"):
        return redis.exceptions.NoScriptError(message)
    if message.startswith(("LOADING", "MASTERDOWN")):
        return redis.BusyLoadingError(message)
    return redis.ResponseError(message)


line = _Line()


class Script:
    """A Lua script, sent once and called by its hash."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: list[str], *arguments: Any) -> Any:
        """Run the script; raises `CacheAway` when Redis does not answer, or refuses.

        When the connection breaks before the answer it is sent again, so it may have run twice.
        """
        if not breaker.let_through():
            raise CacheNotAsked
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
