"""The example that customers start from, run as they run it."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections

from licensing.models import DeviceLink, License
from licensing.services.devices import deactivate_device
from licensing.services.presence import online_devices
from tests.conftest import make_people
from tests.factories.licensing import AT, license_of

CLIENT = Path(__file__).resolve().parents[3] / "examples" / "device_client.py"


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def server(live_database: None) -> Iterator[str]:
    httpd = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet, connections_override={})
    httpd.set_app(WSGIHandler())
    thread = Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def license(server: str) -> License:
    return license_of(make_people().organization, max_devices=1)


@pytest.fixture
def start(server: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, state: str = "device.json") -> subprocess.Popen[str]:
        command = [sys.executable, str(CLIENT), "--server", server, "--state", state, *arguments]
        process = subprocess.Popen(
            command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
    connections.close_all()


def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_a_device_comes_online_and_leaves_its_seat(
    license: License, start: Any, tmp_path: Path
) -> None:
    process = start("--key", license.key, "--name", "Edge", "--deactivate")
    link = until(DeviceLink.objects.first)
    until(lambda: online_devices([link.pk]))
    state = tmp_path / "device.json"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    for line in ("activated: 1 of 1 seats", "license: VALID", "online: VALID", "deactivated"):
        assert line in output
    assert not DeviceLink.objects.active().exists()
    assert not state.exists()


def test_it_starts_again_without_its_key(license: License, start: Any) -> None:
    process = start("--key", license.key)
    link = until(DeviceLink.objects.first)
    until(lambda: online_devices([link.pk]))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    again = start()
    until(lambda: "online: VALID" in again.stdout.readline())
    assert DeviceLink.objects.active().count() == 1


def test_each_refusal_is_told_in_words_and_with_its_code(license: License, start: Any) -> None:
    def refusal(*arguments: str, state: str) -> str:
        process = start(*arguments, state=state)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "Traceback" not in errors
        return errors

    assert "[license_not_found]" in refusal("--key", "SWY-WRONG", state="wrong.json")
    start("--key", license.key, state="first.json")
    link = until(DeviceLink.objects.first)
    assert "[too_many_devices]" in refusal("--key", license.key, state="second.json")
    until(lambda: online_devices([link.pk]))
    deactivate_device(link, at=AT)
    assert "[device_not_active]" in refusal(state="first.json")


def test_a_server_that_is_away_is_told_apart(tmp_path: Path) -> None:
    state = tmp_path / "device.json"
    state.write_text(json.dumps({"device_id": "x", "token": "t", "key": "k", "heartbeat": "/h"}))
    command = [sys.executable, str(CLIENT), "--server", "http://127.0.0.1:1", "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "cannot reach http://127.0.0.1:1" in done.stderr
