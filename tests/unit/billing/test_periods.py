"""Billing periods: boundaries count from the anchor, through short months and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.periods import boundary, known_zone, period

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
]

EARLIEST = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
LATEST = int(datetime(2060, 1, 1, tzinfo=UTC).timestamp())


def local(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("anchor", "zone", "interval", "n", "expected"),
    [
        ("2027-01-31T10:00", "UTC", "monthly", 1, "2027-02-28T10:00"),
        ("2027-01-31T10:00", "UTC", "monthly", 2, "2027-03-31T10:00"),
        ("2027-01-31T10:00", "UTC", "monthly", 3, "2027-04-30T10:00"),
        ("2028-01-31T10:00", "UTC", "monthly", 1, "2028-02-29T10:00"),
        ("2027-01-30T10:00", "UTC", "monthly", 1, "2027-02-28T10:00"),
        ("2027-01-30T10:00", "UTC", "monthly", 2, "2027-03-30T10:00"),
        ("2027-12-31T23:59", "UTC", "monthly", 2, "2028-02-29T23:59"),
        ("2028-02-29T10:00", "UTC", "yearly", 1, "2029-02-28T10:00"),
        ("2028-02-29T10:00", "UTC", "yearly", 4, "2032-02-29T10:00"),
        ("2027-02-28T02:30", "Europe/Berlin", "monthly", 1, "2027-03-28T03:30"),
        ("2027-02-28T02:30", "Europe/Berlin", "monthly", 2, "2027-04-28T02:30"),
        ("2027-02-14T02:30", "America/New_York", "monthly", 1, "2027-03-14T03:30"),
        ("2027-09-03T02:15", "Australia/Lord_Howe", "monthly", 1, "2027-10-03T02:45"),
        ("2027-03-31T12:00", "Europe/Berlin", "monthly", 7, "2027-10-31T12:00"),
        ("2027-01-31T00:30", "America/New_York", "monthly", 1, "2027-02-28T00:30"),
    ],
)
def test_the_anchor_table(anchor: str, zone: str, interval: str, n: int, expected: str) -> None:
    assert boundary(local(anchor, zone), zone, interval, n) == local(expected, zone)


def test_a_period_ends_where_the_next_one_starts() -> None:
    anchor = local("2027-01-31T10:00", "Europe/Berlin")
    first = period(anchor, "Europe/Berlin", "monthly", 0)
    second = period(anchor, "Europe/Berlin", "monthly", 1)
    assert first[0] == anchor
    assert first[1] == second[0]


def test_the_day_of_a_clock_change_has_23_or_25_hours() -> None:
    spring = local("2027-03-28T00:00", "Europe/Berlin")
    autumn = local("2027-10-31T00:00", "Europe/Berlin")
    for start, hours in ((spring, 23), (autumn, 25)):
        next_day = (start + timedelta(days=1)).astimezone(UTC)
        assert boundary(start, "Europe/Berlin", "hourly", hours) == next_day


def test_an_unknown_time_zone_is_taken_as_utc() -> None:
    assert known_zone("Mars/Olympus") == "UTC"
    assert known_zone("Europe/Berlin") == "Europe/Berlin"


@given(
    anchor=st.integers(EARLIEST, LATEST).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=st.sampled_from(ZONES),
    interval=st.sampled_from(["hourly", "monthly", "yearly"]),
)
def test_boundaries_only_move_forward_and_never_drift(
    anchor: datetime, zone: str, interval: str
) -> None:
    bounds = [boundary(anchor, zone, interval, n) for n in range(31)]
    assert bounds[0] == anchor
    assert all(before < after for before, after in pairwise(bounds))
    if interval == "hourly":
        assert bounds[30] - bounds[0] == timedelta(hours=30)
    else:
        day = anchor.astimezone(ZoneInfo(zone)).day
        days = [bound.astimezone(ZoneInfo(zone)).day for bound in bounds]
        assert all(seen <= day or seen == 1 for seen in days)
        assert days[12 if interval == "monthly" else 4] in (day, day - 1)
