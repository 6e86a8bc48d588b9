"""The SQL made for TimescaleDB, read without one; test_timescale.py runs it where there is one."""

from __future__ import annotations

from config.kit.timeseries import timescale
from config.kit.timeseries.series import Series

SERIES = Series("api_calls", (("id", "uuid"), ("called_at", "timestamptz")), "called_at")


def test_rows_are_dropped_by_the_retention_that_is_asked_for_and_by_no_policy() -> None:
    policies, upkeep = timescale.add_policies(SERIES), timescale.create_upkeep(SERIES)
    assert "add_compression_policy('series.api_calls'" in policies
    assert "retention" not in policies + upkeep
    assert str(SERIES.keep_days) not in policies + upkeep
    older = "older_than => p_at - make_interval(days => p_keep_days)"
    assert f"drop_chunks('series.api_calls', {older})" in upkeep
