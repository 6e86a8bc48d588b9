"""What the caches hold is read back exactly, or not at all."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from licensing.rules import limits
from licensing.rules.snapshots import (
    CorruptSnapshot,
    Seat,
    Snapshot,
    dump_seat,
    dump_snapshot,
    load_seat,
    load_snapshot,
)
from licensing.rules.validity import Facts

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
LICENSE = UUID("0199d0f0-0000-7000-8000-000000000001")
SNAPSHOT = Snapshot(LICENSE, 3, "team", Facts("active", "", "relay", NOW, None, 5, 1))


def test_a_snapshot_comes_back_as_it_was() -> None:
    assert load_snapshot(dump_snapshot(SNAPSHOT)) == SNAPSHOT


def test_a_seat_comes_back_and_no_seat_too() -> None:
    seat = Seat(LICENSE, NOW)
    assert load_seat(dump_seat(seat)) == seat
    assert load_seat(dump_seat(None)) is None


@given(st.binary(max_size=64))
def test_garbage_is_corrupt_and_never_an_error(garbage: bytes) -> None:
    for load in (load_snapshot, load_seat):
        with suppress(CorruptSnapshot):
            assert load(garbage) is None


@pytest.mark.parametrize("field", ["status", "starts_at", "max_devices", "active_devices"])
@pytest.mark.parametrize("value", [None, [], 1.5, "2026-01-01T00:00:00"])
def test_a_fact_of_another_kind_is_corrupt(field: str, value: object) -> None:
    document = orjson.loads(dump_snapshot(SNAPSHOT))
    document["facts"][field] = value
    if field == "status" and isinstance(value, str):
        return
    with pytest.raises(CorruptSnapshot):
        load_snapshot(orjson.dumps(document))


@pytest.mark.parametrize(
    ("ends_in", "seconds"),
    [(None, 3600), (7200, 3600), (3600, 3600), (90, 90), (0.5, 0.5), (0, 60), (-5, 60)],
)
def test_facts_are_kept_an_hour_and_never_beyond_the_end(
    ends_in: float | None, seconds: float
) -> None:
    ends = None if ends_in is None else NOW + timedelta(seconds=ends_in)
    assert limits.cache_seconds(ends, NOW) == seconds
