"""How an entry of the audit trail reads: each field before and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

APART = "personal value, kept apart"


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    before: str
    after: str

    @property
    def is_change(self) -> bool:
        return self.before != self.after


def differences(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Difference]:
    """Return the fields of both sides in the order they are stored; None is an empty text."""
    old, new = before or {}, after or {}
    names = [*old, *(name for name in new if name not in old)]
    return [Difference(name, readable(old.get(name)), readable(new.get(name))) for name in names]


def readable(value: Any) -> str:
    """Write a stored value for a person. Personal values are named by their hash, never shown."""
    if value is None:
        return ""
    if isinstance(value, dict) and "$pii" in value:
        return f"{APART} (sha256 {str(value.get('sha256', ''))[:8]})"
    if isinstance(value, dict | list):
        return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
