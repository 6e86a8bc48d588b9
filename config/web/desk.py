"""The back office's first page with what only the top storey knows: failed jobs, workers, beat."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from redis import RedisError

from config.operations import failures, liveness
from support.web import overview
from support.web.machinery import Part

SILENT = 60
"""Seconds after which a beat that said nothing has stopped."""


def compose(request: HttpRequest, facts: dict[str, Any]) -> dict[str, Any]:
    facts = overview.compose(request, facts)
    try:
        failed, parts = failures.count(), [_workers(), _beat()]
    except RedisError:
        return facts  # the machinery says so already
    jobs = overview.Finding("Jobs failed", failed, reverse("operations_jobs"), "error", "bad")
    facts["machinery"] = [*facts["machinery"], *parts]
    return facts | overview.arranged([jobs, *facts["findings"], *facts["quiet"]])


def _workers() -> Part:
    found = liveness.workers()
    alive = sum(worker.is_alive for worker in found)
    silent = len(found) - alive
    value = f"{alive} alive, {silent} silent" if silent else f"{alive} alive"
    return Part("Workers", value, "ok" if alive and not silent else "warn" if alive else "bad")


def _beat() -> Part:
    age = liveness.seconds_since_beat()
    value = "has not spoken" if age is None else f"spoke {age:.0f} s ago"
    return Part("Beat", value, "ok" if age is not None and age < SILENT else "bad")
