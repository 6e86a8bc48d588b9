"""What the person at the terminal sees: steps with their times, and the processes' lines."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "magenta", "yellow", "blue", "green", "bright_cyan", "bright_magenta")
SHOWN_CHARACTERS = 400
# Lines of a process may carry what a stranger sent: nothing in them may steer the terminal.
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Terminal:
    """Writes to standard output, and goes on in silence when nobody is there any more."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._colours: dict[str, str] = {}
        self._rewrites = self._console.is_terminal
        self._transient = False
        self._gone = False

    def say(self, text: str, *, style: str = "") -> None:
        """Print one line."""
        self._print(Text(text, style=style))

    def process_line(self, name: str, line: str) -> None:
        """Print a line that a process wrote, behind its name."""
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        prefix = Text(f"{name:<10} | ", style=colour)
        text = CONTROL.sub("", line)
        if len(text) > SHOWN_CHARACTERS:
            text = f"{text[:SHOWN_CHARACTERS]} … (whole line in var/log)"
        self._print(prefix + Text(text))

    def step_begins(self, title: str) -> None:
        """Show what is being done; on a terminal the finished step takes this line's place."""
        self._print(Text(f"  … {title}", style="dim"), end="\r" if self._rewrites else "\n")
        self._transient = self._rewrites

    def step_ends(self, title: str, seconds: float, remark: str = "") -> None:
        """Show a finished step with its time."""
        line = Text("  ✓ ", style="green") + Text(f"{title:<34}") + Text(f"{seconds:6.1f} s")
        if remark:
            line += Text(f"   {remark}", style="dim")
        self._print(line)

    def step_fails(self, title: str, seconds: float) -> None:
        """Show a step that failed with its time."""
        self._print(Text(f"  ✗ {title:<34}{seconds:6.1f} s", style="bold red"))

    def _print(self, text: Text, *, end: str = "\n") -> None:
        def write() -> None:
            if self._transient:
                self._console.file.write("\x1b[2K\r")
                self._transient = False
            self._console.print(text, end=end)
            self._console.file.flush()

        self._guarded(write)

    def _guarded(self, write: Callable[[], None]) -> None:
        if self._gone:
            return
        try:
            write()
        except OSError:
            # The terminal hung up or the pipe was closed; what is left to do needs no reader.
            self._gone = True
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, sys.stdout.fileno())
