"""``manage.py simstripe``: says where it is, keeps its data, stops when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]


def start(data: Path, *extra: str) -> Any:
    command = [sys.executable, "manage.py", "simstripe", "--port", "0", "--data", str(data)]
    return subprocess.Popen(
        [*command, *extra],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    data = tmp_path / "new folder" / "simstripe.sqlite3"
    hook = ("--webhook-url", "http://127.0.0.1:1/hook", "--webhook-secret", "whsec_test")
    with start(data, *hook) as process:
        url = process.stdout.readline().split()[-1]
        assert httpx.get(f"{url}/_control/stats").json()["objects"] == {}
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
    assert data.exists()


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    with start(tmp_path / "data.sqlite3", "--host", "0.0.0.0") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "loopback" in errors
    assert "Traceback" not in errors
