"""Every event type there is: each app lists its own, here they are one table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from django.apps import apps

from accounts.rules.event_types import EventType, unknown_patterns
from config.kit.errors import InvalidInput


@lru_cache(maxsize=1)
def event_types() -> Mapping[str, EventType]:
    """Return all types by name, in the order of their names."""
    listed: list[EventType] = []
    for app in apps.get_app_configs():
        listed.extend(getattr(app, "webhook_events", ()))
    return {kind.name: kind for kind in sorted(listed, key=lambda kind: kind.name)}


def require_known(patterns: list[str]) -> list[str]:
    """Return the patterns once each; refuse those that no event type would ever match."""
    unknown = unknown_patterns(patterns, event_types())
    if unknown or not patterns:
        detail = f"No event type matches {unknown[0]}." if unknown else "Name at least one."
        raise InvalidInput(
            errors=[{"pointer": "/event_types", "code": "unknown_event_type", "detail": detail}]
        )
    return sorted(set(patterns))
