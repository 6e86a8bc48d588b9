"""Writes docs/events.md and docs/errors.md from the code, so that they cannot lie."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.dispatch import Signal

from config.kit.errors import DomainError

STOREYS = ("accounts", "billing", "licensing", "cloud", "iot", "support")


class Command(BaseCommand):
    help = (
        "Write docs/events.md (who announces, who listens) and docs/errors.md (every error code)."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name, text in documents().items():
            (settings.BASE_DIR / "docs" / name).write_text(text)
            self.stdout.write(f"docs/{name}")


def documents() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    return {"events.md": _events(), "errors.md": _errors()}


def _events() -> str:
    lines = [
        "# Domain events",
        "",
        "Written by `manage.py write_docs`. An event is sent inside the transaction of its cause;",
        "a listener that fails undoes the cause.",
        "",
        "| event | who listens |",
        "|---|---|",
    ]
    for storey in STOREYS:
        module = _module(f"{storey}.events")
        for name, signal in sorted(vars(module).items() if module else ()):
            if isinstance(signal, Signal):
                lines.append(f"| `{storey}.{name}` | {', '.join(_listeners(signal)) or '-'} |")
    return "\n".join(lines) + "\n"


def _listeners(signal: Signal) -> Iterator[str]:
    for entry in signal.receivers:
        receiver = (
            entry[1]() if callable(entry[1]) and not hasattr(entry[1], "__name__") else entry[1]
        )
        yield f"`{receiver.__module__}.{receiver.__qualname__}`"


def _errors() -> str:
    for storey in (*STOREYS, "config.kit"):
        package = _module(storey)
        for found in pkgutil.walk_packages(package.__path__ if package else [], f"{storey}."):
            if not any(part in found.name for part in ("migrations", "standins", "management")):
                importlib.import_module(found.name)
    rows = sorted(
        {
            (kind.code, kind.status, kind.message, kind.__module__)
            for kind in _subclasses(DomainError)
        }
    )
    lines = [
        "# Error codes",
        "",
        "Written by `manage.py write_docs`. `code` is part of the public contract: it never changes",
        "once shipped. Problem documents (RFC 9457) carry it with `detail`, `request_id` and, where it",
        "helps, `data` and `errors` with JSON pointers.",
        "",
        "| code | status | says | defined in |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{code}` | {status} | {says} | `{where}` |" for code, status, says, where in rows]
    return "\n".join(lines) + "\n"


def _subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
