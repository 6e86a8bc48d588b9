"""Starts programs so that none outlives the one who started it, and stops them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child may only call, never load.
_libc = ctypes.CDLL(None, use_errno=True)


class EmbeddedError(Exception):
    """What stands in the way, in words for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """The operating system's account a program runs under."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """A program, how it is to be started and which signal asks it to leave.

    A program without a `log` of its own speaks to the supervisor, which also copies every line
    to the `transcript`.
    """

    name: str
    arguments: Sequence[str | Path]
    directory: Path
    environment: Mapping[str, str]
    account: Account | None = None
    log: Path | None = None
    transcript: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM


def launch(command: Command) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; it gets its stop signal when this process dies.

    Call it from the main thread: the kernel sends that signal when the starting thread ends.
    """
    log = _open_log(command.log)
    account = command.account
    try:
        return subprocess.Popen(
            [str(part) for part in command.arguments],
            cwd=command.directory,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_dying_with(os.getpid(), command.stop_signal),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            umask=0o077 if account else -1,
        )
    except OSError as error:
        raise EmbeddedError(f"{command.name} could not be started: {error}") from error
    finally:
        if log:
            log.close()


def _open_log(path: Path | None) -> IO[bytes] | None:
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _dying_with(parent: int, stop_signal: int) -> Callable[[], None]:
    def prepare() -> None:
        # Runs after the change of account, which would clear the request.
        _libc.prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def ask_to_die_with_parent() -> None:
    """Have this very process sent SIGTERM when the one that started it (make) is gone."""
    parent = os.getppid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def parent_was_told_to_leave() -> Callable[[], bool]:
    """Return a question: has the parent been told to end, and is it only waiting for us?

    make told to end by SIGINT or SIGHUP alone (not with its whole group, as a terminal does it)
    takes its handler off that signal, tells its children nothing and waits for them.
    """
    parent = os.getppid()
    handled = _handled_signals(parent)
    return lambda: bool(handled & ~_handled_signals(parent))


def _handled_signals(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    mask = int(status.partition("SigCgt:")[2].split()[0], 16)
    return mask & sum(1 << number - 1 for number in (signal.SIGINT, signal.SIGHUP))


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended but was not collected does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] not in {"Z", "X"}


def start_time(pid: int) -> int:
    """Return when a process started, in the kernel's ticks; it tells a recycled pid."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_line(pid: int) -> str:
    """Return a process's command line, empty when there is none."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll a condition until it holds or the time is over; return whether it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def stop_pid(pid: int, *, stop_signal: int, grace: float, running: Callable[[], bool]) -> None:
    """Ask a process to leave, and kill it when it has not left after `grace` seconds."""
    for number in (stop_signal, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if wait_until(lambda: not running(), seconds=grace):
            return
