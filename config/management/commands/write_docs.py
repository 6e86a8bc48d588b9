"""Writes docs/events.md, docs/errors.md and docs/webhooks.md from the code, so that they cannot lie."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.dispatch import Signal

from accounts.rules.deliveries import AT_ONCE, AT_ONCE_FAILING, ATTEMPTS_SHOWN, WAITS
from accounts.services.webhooks.catalogue import event_types
from config.kit.errors import DomainError

STOREYS = ("accounts", "billing", "licensing", "cloud", "iot", "support")


def _wait(wait: timedelta) -> str:
    """Write 0:00:05 as 5 s, and so on: no wait has two units."""
    seconds = int(wait.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


WEBHOOKS = f"""# Webhooks

Written by `manage.py write_docs`. Messages follow the open specification Standard Webhooks: any of
its libraries verifies them, and `examples/webhook_receiver.py` does with nothing but Python.

- Each message is a POST with JSON: `id`, `type`, `timestamp`, `api_version` and `data`.
- Headers: `webhook-id` (the same at every try), `webhook-timestamp` (of the try, in seconds) and
  `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, with the bytes
  of the secret after `whsec_`. While a secret is replaced (24 hours) there are two, one space apart.
- Answer 200 to 299 within five seconds. Anything else is tried again: {len(WAITS) + 1} times, after
  {", ".join(map(_wait, WAITS))}, each wait up to a fifth longer. A
  redirect is not followed. An organization gets at most {AT_ONCE} calls at a time, an endpoint that fails
  {AT_ONCE_FAILING}.
- At least once: the same `webhook-id` may come twice. Order is not promised; ids sort by time.
- 410 disables the endpoint at once, five days of nothing but failure as well. Events stay for 30
  days and can be sent again: one, some, or all that failed since a moment. Of each the latest
  {ATTEMPTS_SHOWN} tries are shown.
- Endpoints are public https addresses on port 443 or 8443. An operator may permit networks of their
  own with `OUTGOING_PERMITTED_NETWORKS` (the demo: this machine) and trust a certificate authority
  of their own with `OUTGOING_CA_FILE`.
- Amounts are whole minor units of the `currency` beside them, times are ISO 8601 in UTC.

## Event types

An endpoint asks for single types (`license.revoked`), groups (`license.*`) or everything (`*`).
"""


class Command(BaseCommand):
    help = (
        "Write docs/events.md (who announces, who listens), docs/errors.md (every error code) and "
        "docs/webhooks.md (every webhook event type)."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name, text in documents().items():
            (settings.BASE_DIR / "docs" / name).write_text(text)
            self.stdout.write(f"docs/{name}")


def documents() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    return {"events.md": _events(), "errors.md": _errors(), "webhooks.md": _webhooks()}


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
            if not kind.__module__.startswith("tests.")
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


def _webhooks() -> str:
    lines = [WEBHOOKS.rstrip("\n"), ""]
    for kind in event_types().values():
        example = json.dumps(dict(kind.example), indent=2)
        lines += [f"### {kind.name}", "", kind.description, "", "```json", example, "```", ""]
        if kind.nullable:
            lines += [f"May be null: {', '.join(f'`{name}`' for name in kind.nullable)}.", ""]
    return "\n".join(lines)


def _subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
