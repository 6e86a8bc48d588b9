"""A cache that keeps counting while Redis is away: bounded, in the memory of this process."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import RedisCache
from django_redis.exceptions import ConnectionInterrupted

_ENTRIES = 10_000
"""Most counters kept in memory; the oldest go first."""


class SteadyCache(RedisCache):
    """Redis, and where it does not answer the memory of this process.

    Made for counters of tries and for values that are used once: with no cache at all either
    nobody could try or everybody could without end. What was counted in memory is forgotten when
    Redis is back, and each process counts for itself: a limit of 5 is at most 5 a process.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._memory = LocMemCache("steady", {"OPTIONS": {"MAX_ENTRIES": _ENTRIES}})

    def get(self, key: Any, default: Any = None, version: Any = None, client: Any = None) -> Any:
        try:
            return self.client.get(key, default=default, version=version, client=client)
        except ConnectionInterrupted:
            return self._memory.get(key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._steadily("set", *args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._steadily("add", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._steadily("delete", *args, **kwargs))

    def clear(self) -> Any:
        self._memory.clear()
        return super().clear()

    def _steadily(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(self.client, verb)(*args, **kwargs)
        except ConnectionInterrupted:
            return getattr(self._memory, verb)(*args, **kwargs)
