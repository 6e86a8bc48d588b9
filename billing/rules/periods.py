"""Billing periods: every boundary is counted from the anchor, never from the one before."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

_MONTHS = {"monthly": 1, "yearly": 12}


def boundary(anchor: datetime, time_zone: str, interval: str, n: int) -> datetime:
    """Return the start of period `n` in UTC; period 0 starts at the anchor itself.

    Months and years keep the anchor's local day and time: the 31st becomes the last day of a
    shorter month and the 31st again after it, 29 February likewise, and a local time that a
    clock change skips moves on by the gap. Hours are elapsed hours, so the days of a clock change have 23
    or 25 of them.
    """
    anchor = anchor.astimezone(UTC)
    if n == 0:
        return anchor
    if interval == "hourly":
        return anchor + timedelta(hours=n)
    local = anchor.astimezone(ZoneInfo(time_zone))
    months = local.year * 12 + local.month - 1 + n * _MONTHS[interval]
    year, month = divmod(months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC)


def period(anchor: datetime, time_zone: str, interval: str, n: int) -> tuple[datetime, datetime]:
    """Return period `n` as [start, end)."""
    start = boundary(anchor, time_zone, interval, n)
    return start, boundary(anchor, time_zone, interval, n + 1)


def known_zone(name: str) -> str:
    """Return `name` when it is a time zone, else UTC: a bad profile must not stop a sale."""
    return name if name in available_timezones() else "UTC"
