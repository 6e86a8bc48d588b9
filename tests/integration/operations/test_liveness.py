"""Workers and beat leave signs of life, and a container's health check reads them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from config.celery import app
from config.embedded.keys import make_signing_key
from config.operations import alive, liveness
from config.operations.beat import WatchedScheduler
from tests import services


@pytest.mark.parametrize(
    ("process", "key", "seconds", "expected"),
    [
        ("beat", "operations:beat", 5, 0),
        ("beat", "operations:beat", 120, 1),
        ("worker", "operations:workers", 5, 0),
        ("worker", "operations:workers", 120, 1),
    ],
)
def test_a_process_that_is_silent_too_long_is_unhealthy(
    process: str, key: str, seconds: int, expected: int, redis_client: Any
) -> None:
    said = orjson.dumps({"at": time.time() - seconds, "queues": [], "working": 0})
    if process == "beat":
        redis_client.set(key, said)
    else:
        redis_client.hset(key, f"celery@{socket.gethostname()}", said)
        redis_client.hset(key, "celery@elsewhere", orjson.dumps({"at": time.time()}))
    assert alive.main(process) == expected


@pytest.mark.parametrize("process", ["beat", "worker", "web"])
def test_who_never_spoke_or_does_not_answer_is_unhealthy(
    process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "1")
    assert alive.main(process) == 1


def test_who_does_not_know_its_redis_is_unhealthy_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REDIS_URL")
    assert alive.main("worker") == 1
    assert capsys.readouterr().err == "worker: REDIS_URL is not set\n"


def test_a_worker_that_left_in_good_order_is_forgotten() -> None:
    liveness.worker_is_alive("celery@one", ["default"], 0)
    assert [worker.name for worker in liveness.workers()] == ["celery@one"]
    liveness.worker_left("celery@one")
    assert liveness.workers() == []


def test_beat_says_that_it_turns_and_when_it_sent_what(tmp_path: Path) -> None:
    scheduler = WatchedScheduler(app=app, schedule_filename=str(tmp_path / "schedule"))
    try:
        entry = scheduler.schedule["billing.sweep_inbox"]
        scheduler.apply_entry(entry)
        scheduler.tick()
        assert (liveness.seconds_since_beat() or 99) < 5
        lines = {line.name: line for line in liveness.schedule()}
        assert lines["billing.sweep_inbox"].sent_at is not None
        assert lines["billing.sweep_inbox"].overdue == 0
        assert lines["operations.back_up"].every == "cron 0 2 * * *"
    finally:
        scheduler.close()


def test_a_real_worker_and_a_real_beat_are_seen(tmp_path: Path, redis_client: Any) -> None:
    environment = {
        **os.environ, "SWITCHYARD_PROCESS": "worker", "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "PYTHONWARNINGS": "ignore", "SECRET_KEY": "x" * 50,
        "SWITCHYARD_SECRETS_KEY": Fernet.generate_key().decode(),
        "SWITCHYARD_SIGNING_KEYS": make_signing_key(), "STRIPE_SECRET_KEY": "sk_test_x",
    }  # fmt: skip
    celery = [sys.executable, "-m", "celery", "-A", "config"]
    commands = (
        [*celery, "worker", "-Q", "sync", "-c", "1", "-P", "solo", "-l", "WARNING", "--without-mingle"],
        [*celery, "beat", "-s", str(tmp_path / "beat"), "--pidfile=", "-l", "WARNING"],
    )  # fmt: skip
    started = [
        subprocess.Popen(command, cwd=services.ROOT, env=environment, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            seen = liveness.workers()
            if seen and seen[0].queues and liveness.seconds_since_beat() is not None:
                break
            time.sleep(0.1)
        assert [worker.queues for worker in seen] == [["sync"]]
        assert alive.main("worker") == 0
        assert alive.main("beat") == 0
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)
    assert liveness.workers() == []
