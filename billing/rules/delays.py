"""How long to wait before the next try of something that failed."""

from __future__ import annotations

from datetime import timedelta

KEY_LIFE = timedelta(hours=23)
"""How long the vendor surely remembers an idempotency key (it says 24 hours)."""

_FIRST = timedelta(seconds=5)
_LONGEST = timedelta(hours=1)


def back_off(tries: int) -> timedelta:
    """5 seconds, doubling with each try, at most an hour."""
    doubled: timedelta = _FIRST * 2 ** min(tries, 12)
    return min(doubled, _LONGEST)


def next_look(age: timedelta) -> timedelta:
    """When to ask again about a payment page that is `age` old: 2 minutes, later every hour."""
    return min(max(age, timedelta(minutes=2)), _LONGEST)
