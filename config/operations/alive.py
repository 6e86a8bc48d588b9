"""`python -m config.operations.alive web|backoffice|worker|beat`: a container's health check.

Exit code 0 while the process does its work. Django is not loaded: this runs every few seconds.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.request
from typing import Any

import redis

PATIENCE = {"worker": 30, "beat": 60}


def main(process: str) -> int:
    try:
        alive = _answers() if process in {"web", "backoffice"} else _has_spoken(process)
    except (OSError, redis.RedisError, ValueError) as error:
        sys.stderr.write(f"{process}: {error}\n")
        return 1
    if not alive:
        sys.stderr.write(f"{process} has not given a sign of life\n")
    return 0 if alive else 1


def _answers() -> bool:
    # The server itself, whatever host name it serves.
    host = os.environ.get("ALLOWED_HOSTS", "127.0.0.1").split(",")[0]
    address = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz"
    request = urllib.request.Request(address, headers={"Host": host})
    with urllib.request.urlopen(request, timeout=3) as answer:  # noqa: S310
        return bool(answer.status == 200)


def _has_spoken(process: str) -> bool:
    address = os.environ.get("REDIS_URL")
    if not address:
        raise ValueError("REDIS_URL is not set")
    client = redis.Redis.from_url(address, socket_connect_timeout=2, socket_timeout=2)
    if process == "beat":
        said: list[Any] = [client.get("operations:beat")]
    else:
        ours = f"@{socket.gethostname()}".encode()
        spoken: Any = client.hgetall("operations:workers")
        said = [value for name, value in spoken.items() if name.endswith(ours)]
    return any(
        value is not None and time.time() - json.loads(value)["at"] < PATIENCE[process]
        for value in said
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
