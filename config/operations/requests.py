"""Requests, counted and timed by route: one histogram, in files that all processes share.

prometheus_client keeps one memory-mapped file a process in METRICS_DIR; the back office adds up
the files of all. A file's name holds the process's name and host besides its pid, so that
containers may share the folder.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

os.environ["PROMETHEUS_MULTIPROC_DIR"] = settings.METRICS_DIR

from prometheus_client import CollectorRegistry, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
_FORGOTTEN = 7 * 86_400
"""Seconds after which the file of a process that wrote nothing counts as left behind."""


_known_identity = ""


def _identity() -> str:
    """Asked at every count, so it is kept; a fork makes it another one."""
    global _known_identity
    if not _known_identity:
        host = socket.gethostname().replace("_", "-")
        _known_identity = f"{settings.PROCESS}-{host}-{os.getpid()}"
    return _known_identity


def _forget_identity() -> None:
    global _known_identity
    _known_identity = ""


os.register_at_fork(after_in_child=_forget_identity)


@lru_cache(maxsize=1)
def _histogram() -> Histogram:
    """Made at the first request: the folder is only needed where somebody serves."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > _FORGOTTEN:
                file.unlink()
    shared: Any = values.MultiProcessValue
    values.ValueClass = shared(process_identifier=_identity)
    return Histogram(
        "switchyard_http_request_seconds",
        "Time from the first byte of a request to its answer.",
        ("process", "route", "method", "status"),
        buckets=BUCKETS,
        registry=None,
    )


@lru_cache(maxsize=4096)
def _series(route: str, method: str, status: int) -> Any:
    return _histogram().labels(settings.PROCESS, route, method, str(status))


def measured(route: str, method: str | None, status: int, seconds: float) -> None:
    """Count one answered request. `route` is the template, never the path itself."""
    known = method if method in METHODS else "OTHER"
    _series(route or UNMATCHED, known, status).observe(seconds)


def registry() -> CollectorRegistry:
    """Return what all processes have counted so far."""
    found = CollectorRegistry()
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    MultiProcessCollector(found, path=str(folder))  # type: ignore[no-untyped-call]
    return found
