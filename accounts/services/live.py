"""Dynamic settings as the house reads them: one query every few seconds a process.

What they are is config/settings/live.py; django-constance keeps and edits them.
"""

from __future__ import annotations

import time
from typing import Any

from constance import config as stored
from constance.utils import get_values
from django.conf import settings
from django.db import DatabaseError

from accounts.models import User
from accounts.services import audit
from config.kit.ids import seal, unseal

SEALED = "secret"
_read: dict[str, Any] = {}
_fresh_until = 0.0


def live(name: str) -> Any:
    """Return the value of a dynamic setting; a secret comes out in clear.

    A change is seen within settings.LIVE_SETTINGS_SECONDS by every process, by this one at once.
    """
    value = _values()[name]
    return unseal(value.encode()) if value and settings.LIVE[name].kind == SEALED else value


def public_settings() -> dict[str, Any]:
    """Return the settings that anybody may read, by name."""
    values = _values()
    return {name: values[name] for name, each in settings.LIVE.items() if each.is_public}


def change(changes: dict[str, Any], *, by: User) -> list[str]:
    """Store new values and return the names that changed; secrets arrive in clear.

    The values stand in the trail as row changes; the event names what changed, not to what.
    """
    # Not by attribute: constance would store each default that is merely looked at.
    changed, before = [], get_values()
    for name, value in changes.items():
        if settings.LIVE[name].kind == SEALED and value:
            value = seal(value).decode()
        elif before[name] == value:
            continue
        setattr(stored, name, value)
        changed.append(name)
    if changed:
        audit.record("settings.changed", by, names=sorted(changed))
    return changed


def forget() -> None:
    """Read anew at the next question."""
    global _fresh_until
    _fresh_until = 0.0


def _values() -> dict[str, Any]:
    global _read, _fresh_until
    at = time.monotonic()
    if at >= _fresh_until:
        try:
            _read = get_values()
        except DatabaseError:
            # A page that says so must still come out; what was read last is as good as any.
            return _read or {name: each.default for name, each in settings.LIVE.items()}
        _fresh_until = at + settings.LIVE_SETTINGS_SECONDS
    return _read
