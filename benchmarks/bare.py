"""The limit that validate is measured against: an empty WSGI view with one Redis pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import redis

_client = redis.Redis.from_url(os.environ["REDIS_URL"])


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    pipeline = _client.pipeline(transaction=False)
    pipeline.incr("bench:bare")
    pipeline.expire("bench:bare", 60)
    pipeline.hmget("bench:facts", "license", "device")
    pipeline.execute()
    body = b'{"valid":true,"code":"VALID"}'
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
