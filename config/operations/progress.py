"""Progress of long work on the operator's terminal; silence where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def show_progress() -> Iterator[Callable[[str, float], None]]:
    """Give a function that is told the step and how far it is: a share up to 1, or bytes."""
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)

        def told(step: str, value: float) -> None:
            if value > 1:
                progress.update(bar, description=f"{step} {decimal(int(value))}", total=None)
            else:
                progress.update(bar, description=step, total=1, completed=value)

        yield told
