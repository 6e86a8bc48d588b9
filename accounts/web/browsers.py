"""A browser's User-Agent as a person would call it."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession

from accounts.services.sessions import SITE

# The first match wins: Edge and Opera also say Chrome, Chrome also says Safari.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "a Python program"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """Return for example "Firefox on Linux"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "An unknown browser"


def describe_session(row: UserSession, current: str | None) -> dict[str, Any]:
    """Return what a person knows a session by, pages and API alike; never its key."""
    return {
        "id": row.pk,
        "browser": browser_name(row.user_agent),
        "user_agent": row.user_agent,
        "ip": row.ip,
        "place": row.data.get("place", SITE),
        "created_at": row.created_at,
        "last_seen_at": row.last_seen_at,
        "is_current": row.session_key == current,
    }
