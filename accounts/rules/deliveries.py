"""When a webhook is tried again, and when an endpoint is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

_SECONDS, _MINUTES, _HOURS = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours"))
WAITS = (
    5 * _SECONDS, 5 * _MINUTES, 30 * _MINUTES, 2 * _HOURS, 5 * _HOURS, 10 * _HOURS, 14 * _HOURS,
    20 * _HOURS, 24 * _HOURS,
)  # fmt: skip
"""What lies between one try and the next: ten tries over three days."""

JITTER = 0.2
"""Each wait is up to a fifth longer, so that what failed together does not come back together."""

PATIENCE = timedelta(days=5)
FEWEST_FAILURES = 10
AT_ONCE = 2
"""Calls to one organization at the same time, fewer than there are workers of the queue: slow
endpoints of one customer must not hold them all."""

AT_ONCE_FAILING = 1
"""Calls to one endpoint that fails."""

ATTEMPTS_SHOWN = 50
"""Tries of a message that are shown; a message may be sent again as often as its owner likes."""

KEPT = timedelta(days=30)
OVERLAP = timedelta(hours=24)
STORED = 4096
GONE = 410


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"


class EndpointStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    AUTO_DISABLED = "auto_disabled"


def wait_after(tries: int, chance: float) -> timedelta | None:
    """Return the wait after the `tries`-th try, `chance` in [0, 1); None when none follows."""
    if tries > len(WAITS):
        return None
    return WAITS[tries - 1] * (1 + JITTER * chance)


def is_success(status: int) -> bool:
    return 200 <= status < 300


def is_given_up(failing_since: datetime | None, streak: int, at: datetime) -> bool:
    """True for an endpoint that has answered nothing well for five days and ten tries."""
    if failing_since is None or streak < FEWEST_FAILURES:
        return False
    return at - failing_since >= PATIENCE


def at_once(failing_since: datetime | None) -> int:
    """Return how many calls an endpoint gets at the same time: one while it fails."""
    return AT_ONCE if failing_since is None else AT_ONCE_FAILING
