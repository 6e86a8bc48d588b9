"""The Redis connections of hot paths: one pool a process, short timeouts."""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@lru_cache(maxsize=1)
def connect() -> redis.Redis:
    """Return the shared client."""
    return _client(settings.REDIS_URL)


@lru_cache(maxsize=1)
def connect_to_broker() -> redis.Redis:
    """Return a client of the Redis that holds Celery's queues, which may be another one."""
    return _client(settings.CELERY_BROKER_URL)


def _client(url: str) -> redis.Redis:
    """Make a client to which a dead Redis costs 0.2 s, not a hanging request."""
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=0.2,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )
