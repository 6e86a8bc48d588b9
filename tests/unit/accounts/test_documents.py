"""What callers may keep of their own comes back out as it went in."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.rules.documents import fault_of

SOME_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"a": [{"b": "\x00"}]}, "control_character"),
        ({"\x00": 1}, "control_character"),
        ({"a": "\ud800"}, "invalid"),
        ({"a": 1e20}, "out_of_range"),
        ({"a": [-(2**63) - 1]}, "out_of_range"),
        ({"a": float("nan")}, "out_of_range"),
        ({"a": float("inf")}, "out_of_range"),
        (nested(21), "too_deep"),
        (nested(5000), "too_deep"),
        ({"a": "x" * 4096}, "too_large"),
        ({"a": "ü" * 2048}, "too_large"),
    ],
)
def test_what_cannot_be_kept_is_named(document: Any, code: str) -> None:
    fault = fault_of(document, most=4096)
    assert fault is not None
    assert fault.code == code


@pytest.mark.parametrize(
    "document", [None, {}, {"a": True}, {"a": 2**62, "b": -1.5e18}, {"ü": [[], {}]}, nested(20)]
)
def test_what_can_be_kept(document: Any) -> None:
    assert fault_of(document, most=4096) is None


@given(SOME_JSON)
def test_what_is_kept_can_be_written_again_after_the_database_read_it(document: Any) -> None:
    if fault_of(document, most=4096) is None:
        # The database gives a whole number without a fraction back as an integer.
        stored = json.loads(
            json.dumps(document),
            parse_float=lambda text: int(float(text)) if float(text).is_integer() else float(text),
        )
        assert orjson.loads(orjson.dumps(stored)) == stored
