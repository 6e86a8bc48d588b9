"""Which backups stay: 30 days and 12 months, whatever was lost or taken twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from config.operations.rules.retention import DAYS, MONTHS, to_keep

MOMENTS = st.lists(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda m: m.replace(tzinfo=UTC)),  # noqa: DTZ001
    max_size=120,
)


@given(MOMENTS)
def test_the_newest_stays_nothing_is_invented_and_a_second_look_removes_nothing(
    moments: list[datetime],
) -> None:
    kept = to_keep(moments)
    assert kept <= set(moments)
    assert len(kept) <= DAYS + MONTHS
    assert not moments or max(moments) in kept
    assert to_keep(kept) == kept


@given(MOMENTS)
def test_each_of_the_last_days_and_months_that_had_a_backup_still_has_one(
    moments: list[datetime],
) -> None:
    kept = to_keep(moments)
    days = sorted({moment.date() for moment in moments}, reverse=True)[:DAYS]
    months = sorted({(moment.year, moment.month) for moment in moments}, reverse=True)[:MONTHS]
    assert {moment.date() for moment in kept} >= set(days)
    assert {(moment.year, moment.month) for moment in kept} >= set(months)


def test_pruning_every_night_for_two_years_leaves_30_days_and_12_months() -> None:
    night = datetime(2024, 1, 1, 2, tzinfo=UTC)
    there: set[datetime] = set()
    for _ in range(731):
        there = to_keep({*there, night})
        night += timedelta(days=1)
    newest = max(there)
    assert {newest - timedelta(days=back) for back in range(DAYS)} <= there
    assert len({(moment.year, moment.month) for moment in there}) == MONTHS
    # Older months are represented by their last night.
    assert datetime(2025, 2, 28, 2, tzinfo=UTC) in there


def test_the_newest_proven_one_stays_until_another_is_proven() -> None:
    nights = [datetime(2024, 1, 1, 2, tzinfo=UTC) + timedelta(days=day) for day in range(80)]
    first, second = nights[0], nights[31]  # proven on the first of each month
    there = to_keep(nights[:31], proven=[first])
    assert first in there, "30 nights are newer, and one of its month"
    there = to_keep({*there, *nights[31:]}, proven=[first, second])
    assert first not in there
    assert second in there
    assert second not in to_keep(nights)


def test_when_backups_stop_age_removes_nothing() -> None:
    old = {datetime(2020, 1, day, 2, tzinfo=UTC) for day in range(1, 20)}
    assert to_keep(old) == old
