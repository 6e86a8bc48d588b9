"""The supervisor of `make run`: starts, shows, restarts and stops processes."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from config.embedded import watchdog
from config.embedded.launching import Command, EmbeddedError, launch
from config.embedded.terminal import Terminal

TICK_SECONDS = 0.2
LINE_LIMIT = 20_000


@dataclass(frozen=True)
class Patience:
    """How long the supervisor waits before it restarts, kills or gives up."""

    first_delay: float = 1.0
    longest_delay: float = 15.0
    healthy_after: float = 30.0
    quick_crashes: int = 6
    grace: float = 10.0


@dataclass
class Child:
    """A process under supervision and what is known of it."""

    command: Command
    process: subprocess.Popen[bytes] | None = None
    is_server: bool = False
    captured: list[str] | None = None
    started_at: float = 0.0
    crashes: int = 0
    restart_at: float | None = None
    exit_code: int | None = None
    unfinished: bytes = field(default=b"", repr=False)


class StopRequested(Exception):
    """Somebody wants the supervisor to end: Ctrl-C, SIGTERM or a terminal that hung up."""


class Supervisor:
    """Keeps processes running until it is told to stop. Use it as a context manager.

    All of it happens in one thread: `turn` waits for output, signals and deaths, and acts.
    """

    def __init__(
        self,
        terminal: Terminal,
        patience: Patience | None = None,
        is_unwanted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._terminal = terminal
        self._patience = patience or Patience()
        self._is_unwanted = is_unwanted
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Supervisor:
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._selector.register(self._read_end, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup asks to outlive the terminal; that wish is kept.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        self._start_watchdog()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()
        self._end_watchdog()

    @property
    def stopping(self) -> bool:
        """Say whether somebody has asked for the end."""
        return bool(self._signals)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    # Starting

    def adopt(self, command: Command, process: subprocess.Popen[bytes]) -> None:
        """Take over a server that runs already; servers are stopped after all others."""
        child = Child(command, process, is_server=True, started_at=time.monotonic())
        self._children.append(child)
        self._tell_watchdog(child)

    def start(self, command: Command) -> None:
        """Start a process and keep it running."""
        child = Child(command)
        self._children.append(child)
        self._launch(child)

    def run_to_end(self, command: Command) -> tuple[int, list[str]]:
        """Run a program that ends by itself; return its exit code and its lines."""
        child = Child(command, captured=[])
        self._children.append(child)
        self._launch(child)
        self.wait_for(lambda: child.exit_code is not None)
        self._children.remove(child)
        return child.exit_code or 0, child.captured or []

    def _launch(self, child: Child) -> None:
        child.process = launch(child.command)
        child.started_at = time.monotonic()
        child.restart_at = None
        if child.process.stdout:
            os.set_blocking(child.process.stdout.fileno(), False)
            self._selector.register(child.process.stdout, selectors.EVENT_READ, child)
        self._tell_watchdog(child)

    # Waiting

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = float("inf")) -> bool:
        """Keep everything going until the condition holds; say whether it did in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.turn()
            if self.stopping:
                raise StopRequested
        return True

    def run_until_stopped(self) -> None:
        """Serve until somebody asks for the end."""
        with contextlib.suppress(StopRequested):
            self.wait_for(lambda: False)

    def turn(self) -> None:
        """Wait a moment for something to happen and deal with it."""
        for key, _ in self._selector.select(TICK_SECONDS):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._read_end, 4096)
            else:
                self._read_output(key.data)
        for child in list(self._children):
            if child.process and child.process.poll() is not None:
                self._on_exit(child)
            elif child.restart_at and time.monotonic() >= child.restart_at and not self.stopping:
                self._launch(child)
        self._mind_watchdog()
        if not self.stopping and self._is_unwanted():
            self._signals.append(signal.SIGTERM)

    def _read_output(self, child: Child) -> None:
        if not child.process or not child.process.stdout:
            return
        while True:
            try:
                part = os.read(child.process.stdout.fileno(), 65536)
            except BlockingIOError:
                return
            if not part:
                self._selector.unregister(child.process.stdout)
                child.process.stdout.close()
                child.process.stdout = None
                return
            *lines, child.unfinished = (child.unfinished + part).split(b"\n")
            if len(child.unfinished) > LINE_LIMIT:
                lines, child.unfinished = [*lines, child.unfinished], b""
            self._show(child, lines)

    def _show(self, child: Child, lines: list[bytes]) -> None:
        if child.command.transcript and lines:
            with child.command.transcript.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            if child.captured is not None:
                child.captured.append(text)
            elif text:
                self._terminal.process_line(child.command.name, text)

    def _on_exit(self, child: Child) -> None:
        assert child.process
        self._read_output(child)
        if child.process.stdout:
            self._selector.unregister(child.process.stdout)
            child.process.stdout.close()
        self._show(child, [child.unfinished] if child.unfinished else [])
        child.unfinished = b""
        child.exit_code = child.process.returncode
        # A killed parent may leave children of its own, and they would hold its port.
        _kill_group(child.process.pid)
        self._write_watchdog(f"-{child.process.pid}")
        child.process = None
        if child.captured is None and not self.stopping:
            self._schedule_restart(child)

    def _schedule_restart(self, child: Child) -> None:
        patience = self._patience
        lived = time.monotonic() - child.started_at
        child.crashes = 1 if lived >= patience.healthy_after else child.crashes + 1
        fact = f"{child.command.name} stopped with exit code {child.exit_code}"
        if child.crashes >= patience.quick_crashes:
            raise EmbeddedError(
                f"{fact}, {child.crashes} times in quick succession. Giving up: its last lines "
                f"above{f' or in {child.command.log}' if child.command.log else ''} say why."
            )
        delay = min(patience.first_delay * 2 ** (child.crashes - 1), patience.longest_delay)
        child.restart_at = time.monotonic() + delay
        self._terminal.say(f"{fact}, restarting in {delay:g} s", style="bold red")

    # Stopping

    def stop_all(self) -> None:
        """Stop every process, the last started first and the servers after all others."""
        self._signals.append(0)
        for servers in (False, True):
            self._stop([child for child in self._children if child.is_server == servers])
        self._children.clear()

    def _stop(self, children: list[Child]) -> None:
        for child in reversed(children):
            if child.process:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.process.pid, child.command.stop_signal)
        deadline = time.monotonic() + self._patience.grace
        interrupts = self._signals.count(signal.SIGINT)
        while any(child.process for child in children):
            self.turn()
            # Whoever presses Ctrl-C again is in a hurry.
            hurry = self._signals.count(signal.SIGINT) > interrupts
            if hurry or time.monotonic() > deadline:
                self._kill(children)

    def _kill(self, children: list[Child]) -> None:
        for child in children:
            if child.process:
                self._terminal.say(f"{child.command.name} does not stop, killing it")
                _kill_group(child.process.pid)
                child.process.wait()
                self._on_exit(child)

    # The watchdog

    def _start_watchdog(self) -> None:
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__, str(self._patience.grace)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for child in self._children:
            self._tell_watchdog(child)

    def _mind_watchdog(self) -> None:
        if self._watchdog and self._watchdog.poll() is not None:
            self._start_watchdog()

    def _tell_watchdog(self, child: Child) -> None:
        if child.process:
            self._write_watchdog(f"+{child.process.pid} {int(child.command.stop_signal)}")

    def _write_watchdog(self, line: str) -> None:
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.write(f"{line}\n".encode())
                self._watchdog.stdin.flush()

    def _end_watchdog(self) -> None:
        if self._watchdog and self._watchdog.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.close()
            self._watchdog.wait()
        self._watchdog = None


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
