"""The supervisor: crashes are shown and restarted, and nothing outlives it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from config.embedded import registry
from tests.services import ROOT

# Each child has a child of its own, as web servers and workers do, and says both pids.
CHILD = """
import subprocess, sys, time
grandchild = subprocess.Popen(["sleep", "600"])
print("pids", __import__("os").getpid(), grandchild.pid, flush=True)
time.sleep(600)
"""
DEAF_CHILD = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + CHILD
# A session's leader that opens a terminal makes it its controlling one.
TAKE_TERMINAL = "import os; os.close(os.open(os.ttyname(0), os.O_RDWR))"
SUPERVISOR = """
import os, sys
from pathlib import Path
from config.embedded.launching import Command, EmbeddedError, parent_was_told_to_leave
from config.embedded.processes import Patience, Supervisor
from config.embedded.terminal import Terminal
patience = Patience(first_delay=0.05, longest_delay=0.1, quick_crashes=4, grace=1.0)
terminal = Terminal()
try:
    under_make = "MAKELEVEL" in os.environ and "UNDER_MAKE" in os.environ
    unwanted = parent_was_told_to_leave() if under_make else lambda: False
    with Supervisor(terminal, patience, unwanted) as supervisor:
        for number, code in enumerate(sys.argv[1:], 1):
            command = [sys.executable, "-c", code]
            supervisor.start(Command(f"child{number}", command, Path.cwd(), os.environ))
        supervisor.run_until_stopped()
        terminal.say("asked to stop")
except EmbeddedError as error:
    terminal.say(str(error))
    sys.exit(1)
terminal.say("all stopped")
"""


class Session:
    """A supervisor in a process of its own, and every line it has written."""

    def __init__(self, *children: str, **options: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, *children],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        self.lines: list[str] = []
        self.seen: set[psutil.Process] = set()

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read lines until one matches; the test's own time limit is the deadline."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line matches {pattern!r}:\n" + "\n".join(self.lines))

    def read_pids(self, *names: str) -> dict[str, tuple[int, int]]:
        """Read until each of these children has said its pid and its own child's."""
        pids: dict[str, tuple[int, int]] = {}
        while not pids.keys() >= set(names):
            found = self.read_until(r"^(child\d) +\| pids (\d+) (\d+)")
            pids[found[1]] = int(found[2]), int(found[3])
        self.note_descendants()
        return pids

    def note_descendants(self) -> None:
        self.seen |= {*psutil.Process(self.process.pid).children(recursive=True)}

    def finish(self) -> int:
        assert self.process.stdout
        self.lines += [line.rstrip() for line in self.process.stdout]
        return self.process.wait(timeout=30)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        for process in self.seen:
            if is_running(process):
                process.kill()


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_all_end(processes: set[psutil.Process], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if is_running(process)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


@pytest.fixture
def supervise() -> Iterator[Callable[..., Session]]:
    sessions: list[Session] = []

    def start(*children: str, **options: object) -> Session:
        sessions.append(Session(*children, **options))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


def test_a_killed_child_is_shown_and_restarted_and_its_children_are_not_left(
    supervise: Callable[..., Session],
) -> None:
    session = supervise(CHILD, CHILD)
    first, grandchild = session.read_pids("child1", "child2")["child2"]
    os.kill(first, signal.SIGKILL)
    session.read_until(r"child2 stopped with exit code -9, restarting in 0\.05 s")
    second, _ = session.read_pids("child2")["child2"]
    assert second != first
    assert not psutil.pid_exists(grandchild) or not is_running(psutil.Process(grandchild))


def test_a_child_that_keeps_crashing_ends_the_start_with_a_clear_message(
    supervise: Callable[..., Session],
) -> None:
    session = supervise(CHILD, "import sys; print('no such table'); sys.exit(3)")
    session.read_pids("child1")
    assert session.finish() == 1
    text = "\n".join(session.lines)
    assert "child2     | no such table" in text
    assert "child2 stopped with exit code 3, 4 times in quick succession. Giving up" in text
    assert_all_end(session.seen)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(supervise: Callable[..., Session], number: int) -> None:
    session = supervise(CHILD, CHILD)
    session.read_pids("child1", "child2")
    session.process.send_signal(number)
    assert session.finish() == 0
    assert session.lines[-1] == "all stopped"
    assert len(session.seen) == 5
    assert not [process for process in session.seen if is_running(process)]


def test_a_child_that_ignores_the_request_is_killed_after_the_grace(
    supervise: Callable[..., Session],
) -> None:
    session = supervise(DEAF_CHILD)
    session.read_pids("child1")
    session.process.send_signal(signal.SIGTERM)
    assert session.finish() == 0
    assert "child1 does not stop, killing it" in session.lines
    assert not [process for process in session.seen if is_running(process)]


def test_children_end_when_the_supervisor_is_killed(supervise: Callable[..., Session]) -> None:
    session = supervise(CHILD, CHILD)
    session.read_pids("child1", "child2")
    session.process.kill()
    assert_all_end(session.seen)


def test_children_that_ignore_the_request_end_too_when_the_supervisor_is_killed(
    supervise: Callable[..., Session],
) -> None:
    session = supervise(DEAF_CHILD)
    session.read_pids("child1")
    session.process.kill()
    assert_all_end(session.seen)


def test_a_killed_watchdog_is_replaced(supervise: Callable[..., Session]) -> None:
    session = supervise(DEAF_CHILD)
    child, _ = session.read_pids("child1")["child1"]
    (watchdog,) = (
        process
        for process in psutil.Process(session.process.pid).children()
        if "watchdog.py" in " ".join(process.cmdline())
    )
    watchdog.kill()
    supervisor = psutil.Process(session.process.pid)
    deadline = time.monotonic() + 20
    while {process.pid for process in supervisor.children()} <= {child, watchdog.pid}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    session.note_descendants()
    session.process.kill()
    assert_all_end(session.seen)


@contextmanager
def at_a_terminal(*children: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a supervisor whose controlling terminal is ours to close and to type at."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL + SUPERVISOR, *children],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()


def read_until(terminal: int, mark: bytes, times: int = 1) -> None:
    shown = b""
    while shown.count(mark) < times:
        shown += os.read(terminal, 4096)


def family(process: subprocess.Popen[bytes]) -> set[psutil.Process]:
    leader = psutil.Process(process.pid)
    return {leader, *leader.children(recursive=True)}


def test_a_terminal_that_hangs_up_leaves_nothing_behind() -> None:
    with at_a_terminal(CHILD, CHILD) as (process, terminal):
        read_until(terminal, b"pids", times=2)
        everything = family(process)
        assert len(everything) == 6
        os.close(terminal)
        assert process.wait(timeout=30) == 0
        assert_all_end(everything)


def test_ctrl_c_at_a_terminal_stops_everything() -> None:
    with at_a_terminal(CHILD, CHILD) as (process, terminal):
        read_until(terminal, b"pids", times=2)
        everything = family(process)
        os.write(terminal, b"\x03")
        read_until(terminal, b"all stopped")
        assert process.wait(timeout=30) == 0
        os.close(terminal)
        assert_all_end(everything)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_only_make_got_stops_everything(tmp_path: Path, number: int) -> None:
    (tmp_path / "supervisor.py").write_text(SUPERVISOR)
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "Makefile").write_text(
        'run:\n\t@PYTHONPATH="$(ROOT)" UNDER_MAKE=1 exec "$(PYTHON)" supervisor.py'
        " \"exec(open('child.py').read())\"\n"
    )
    with subprocess.Popen(
        ["make", "run", f"ROOT={ROOT}", f"PYTHON={sys.executable}"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                if "pids" in line:
                    break
            everything = {*psutil.Process(process.pid).children(recursive=True)}
            assert len(everything) == 4
            process.send_signal(number)
            assert process.stdout.read().endswith("all stopped\n")
        finally:
            process.kill()
    assert_all_end(everything)


CLAIM = """
import sys
from pathlib import Path
from config.embedded import registry
from config.embedded.house import Addresses
registry.claim(Path(sys.argv[1]))
registry.announce(Path(sys.argv[1]), Addresses(8100, 8101, 8102, 8103))
print("claimed", flush=True)
sys.stdin.read()
"""


def test_a_second_start_is_refused_with_pid_and_address_until_the_first_is_gone(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == "claimed\n"
        second = subprocess.run(
            [sys.executable, "-m", "config.embedded", "--var", str(tmp_path), "run"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert f"process {first.pid} at http://127.0.0.1:8100" in second.stdout
        assert registry.running_addresses(tmp_path) is not None
        first.kill()
    # The kernel gave the lock back: nothing has to be cleaned up by hand.
    registry.claim(tmp_path)
