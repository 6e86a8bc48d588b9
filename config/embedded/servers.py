"""What the two embedded servers have in common: start, wait until ready, stop."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

from config.embedded.launching import (
    Command,
    EmbeddedError,
    command_line,
    is_alive,
    launch,
    stop_pid,
    wait_until,
)

READY_SECONDS = 60
STOP_SECONDS = 20
LOG_LIMIT = 10_000_000


class Server(Protocol):
    """A server with its files in one folder and its pid in one of them."""

    name: str
    port: int

    @property
    def home(self) -> Path:
        """Return the folder that tells this server from any other."""

    def prepare(self) -> None:
        """Make what must exist before the first start."""

    def command(self) -> Command:
        """Return the program that serves."""

    def read_pid(self) -> int | None:
        """Return the pid that the server wrote down, whether it still runs or not."""

    def is_ready(self) -> bool:
        """Say whether it answers."""


def running_pid(server: Server) -> int | None:
    """Return the pid of the server that runs on these files; a recycled pid is not it."""
    pid = server.read_pid()
    if pid is None or not is_alive(pid) or str(server.home) not in command_line(pid):
        return None
    return pid


def start(server: Server) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    server.prepare()
    command = server.command()
    _rotate(command.log)
    process = launch(command)

    def settled() -> bool:
        # A killed server leaves its pid file behind, and PostgreSQL's would still say ready.
        ours = server.read_pid() == process.pid
        return process.poll() is not None or (ours and server.is_ready())

    ready = wait_until(settled, seconds=READY_SECONDS)
    if ready and process.poll() is None:
        return process
    process.kill()
    process.wait()
    raise EmbeddedError(f"{server.name} did not start:\n{_last_lines(command.log)}")


def stop(server: Server, process: subprocess.Popen[bytes] | None = None) -> None:
    """Stop a server whoever started it; a child of ours is collected."""
    pid = running_pid(server)

    def running() -> bool:
        return pid is not None and (process.poll() is None if process else is_alive(pid))

    if pid is not None:
        number = server.command().stop_signal
        stop_pid(pid, stop_signal=number, grace=STOP_SECONDS, running=running)
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()


def _rotate(log: Path | None) -> None:
    if log and log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))


def _last_lines(log: Path | None) -> str:
    if log is None or not log.exists():
        return "(it left no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
