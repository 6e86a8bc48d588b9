"""A worker and beat log what `LOG_LEVEL` lets through, as lines of the house, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts import tasks
from accounts.models import Organization, Seal
from config.celery import app
from config.kit import context
from config.kit.ids import uuid7
from tests import services
from tests.stack import Stack, make_stack, wait_for

pytestmark = [pytest.mark.stack]


@pytest.fixture
def stack(tmp_path: Path, live_database: None) -> Iterator[Stack]:
    """Worker and beat at the test's own database, with a Redis of their own."""
    stack = make_stack("logs", tmp_path)
    database = f"test_{services.WORKER}"
    stack.env |= services.role_urls(database) | {
        "DATABASE_URL": services.admin_url(database),
        "SWITCHYARD_SECRETS_KEY": ",".join(settings.SECRETS_KEYS),
    }
    try:
        yield stack
    finally:
        stack.stop()


def _lines(stack: Stack, name: str) -> list[dict[str, Any]]:
    found = stack.log(name).splitlines()
    return [json.loads(line) for line in found if line.startswith("{")]


@pytest.mark.parametrize(("level", "sealed"), [("INFO", 1), ("WARNING", 0)])
def test_a_worker_logs_at_the_level_of_the_house(stack: Stack, level: str, sealed: int) -> None:
    """AUD-6: the head of a seal leaves the database by the log as well."""
    with context.acting(actor_kind="worker"):
        Organization.objects.create(name="Sealed")
    stack.env["LOG_LEVEL"] = level
    stack.start("worker", "beat")
    with app.connection_for_write(url=stack.env["REDIS_URL"]) as broker:
        tasks.seal_audit.apply_async(connection=broker)
        tasks.tell_alert.apply_async(args=(str(uuid7()),), connection=broker)
    wait_for(lambda: Seal.objects.exists(), seconds=45)
    wait_for(lambda: "TrailAlert.DoesNotExist" in stack.log("worker"))
    for name in ("worker", "beat"):  # it alone: a worker lets its children end what they do
        process = stack.running.pop(name)
        process.terminate()
        process.wait(30)
    lines = _lines(stack, "worker")
    assert [line["event"] for line in lines].count("audit.sealed") == sealed
    (failed,) = [line for line in lines if line["logger"] == "celery.app.trace"]
    assert failed["level"] == "error"
    # What comes, goes and is due is no news.
    told = {line["logger"] for line in [*lines, *_lines(stack, "beat")]}
    assert told.isdisjoint({"celery.worker.strategy", "celery.beat", "celery.redirected"})
    if level == "WARNING":
        assert {line["level"] for line in lines} <= {"warning", "error"}
