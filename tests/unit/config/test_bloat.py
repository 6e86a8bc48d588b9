"""When an index counts as bloated: never a fresh one, always one that is mostly gaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from config.operations.rules.bloat import PAGE, expected_bytes, is_bloated

ROWS, WIDTHS = st.integers(0, 10**8), st.integers(1, 200)


@given(ROWS, WIDTHS)
def test_what_was_just_built_is_dense(rows: int, width: int) -> None:
    assert not is_bloated(expected_bytes(rows, width), rows, width)


@given(ROWS, ROWS, WIDTHS)
def test_more_rows_need_no_less_room(rows: int, more: int, width: int) -> None:
    assert expected_bytes(rows + more, width) >= expected_bytes(rows, width) >= PAGE


@given(st.integers(10**6, 10**8), WIDTHS)
def test_twice_the_size_it_needs_is_bloated(rows: int, width: int) -> None:
    assert is_bloated(2 * expected_bytes(rows, width), rows, width, least=1)


def test_a_small_index_is_never_worth_it() -> None:
    assert not is_bloated(9 * 1024 * 1024, 0, 8)
