"""What a webhook event type is: its name, its words, and the exact shape of its data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

API_VERSION = "2026-11-21"
TEST = "webhook.test"
_PATTERN = re.compile(r"[a-z_]+(\.[a-z_]+)*(\.\*)?|\*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event. `example` is a whole payload; `nullable` names what may be null in it.

    An app lists its types as `webhook_events` of its AppConfig (accounts.services.webhooks).
    """

    name: str
    description: str
    example: Mapping[str, Any]
    nullable: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    @property
    def group_words(self) -> str:
        """Name the group as people do: API key."""
        words = self.group.replace("_", " ")
        return words.replace("api ", "API ") if "api " in words else words.capitalize()

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the data."""
        properties = {
            name: _schema(value, name in self.nullable) for name, value in self.example.items()
        }
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }


def is_pattern(text: str) -> bool:
    """True for `license.revoked`, `license.*` and `*`."""
    return len(text) <= 80 and _PATTERN.fullmatch(text) is not None


def matches(patterns: Iterable[str], name: str) -> bool:
    """True when an endpoint that asked for `patterns` is to be told of `name`."""
    return any(
        pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))
        for pattern in patterns
    )


def unknown_patterns(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the patterns that no type would ever match."""
    known = list(names)
    return [
        pattern
        for pattern in patterns
        if not is_pattern(pattern) or not any(matches([pattern], name) for name in known)
    ]


def _schema(value: Any, nullable: bool) -> dict[str, Any]:
    kind, more = _kind(value)
    return {"type": [kind, "null"] if nullable else kind, **more}


def _kind(value: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(value, bool):
        return "boolean", {}
    if isinstance(value, int):
        return "integer", {}
    if isinstance(value, list):
        return "array", {}
    if isinstance(value, Mapping):
        return "object", {}
    if _UUID.fullmatch(value):
        return "string", {"format": "uuid"}
    return "string", {"format": "date-time"} if _TIME.fullmatch(value) else {}


def written(at: datetime) -> str:
    """Write a moment as payloads do: UTC, with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
