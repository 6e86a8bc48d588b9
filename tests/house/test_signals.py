"""However the suite is started, the processes that its tests start hear SIGINT and SIGHUP."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import services

# What a plugin of the suite does in a worker, then what a process of a test finds, as names.
SUITE = """
import os, signal, subprocess, sys
import tests.services
for number in (signal.SIGINT, signal.SIGHUP):
    os.kill(os.getpid(), number)
subprocess.run([sys.executable, "-c", '''
import signal
print(*(signal.getsignal(number) == usual for number, usual in (
    (signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL))))
'''], check=True)
"""


@pytest.mark.parametrize("started", ["directly", "by the suite"])
def test_ignored_signals_are_not_handed_on(started: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ignoring = ["sh", "-c", "trap '' INT HUP; exec \"$@\"", "sh"]
    if started == "directly":
        monkeypatch.delenv(services.DEAF_TO)
    else:
        monkeypatch.setenv(services.DEAF_TO, "SIGINT SIGHUP")
        ignoring = []
    done = subprocess.run(
        [*ignoring, sys.executable, "-c", SUITE],
        cwd=services.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True True\n"
