"""Bodies of thin views: each fault is named by pointer and code."""

from __future__ import annotations

from typing import Any

import pytest

from config.kit.errors import InvalidInput
from config.kit.fields import nonce, read_fields, text

READERS = {"name": text(5), "note": text(5, required=False, default=""), "nonce": nonce}


def faults(body: dict[str, Any]) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        read_fields(body, READERS)
    return {(error["pointer"], error["code"]) for error in refused.value.errors}


def test_good_fields_come_back_trimmed() -> None:
    assert read_fields({"name": " a b ", "nonce": 7}, READERS) == {
        "name": "a b",
        "note": "",
        "nonce": 7,
    }


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "required"),
        (1, "invalid_type"),
        (True, "invalid_type"),
        ([], "invalid_type"),
        ({}, "invalid_type"),
        ("", "blank"),
        ("   ", "blank"),
        ("abcdef", "too_long"),
        ("a\x00b", "control_character"),
        ("a\nb", "control_character"),
        ("a\x7fb", "control_character"),
        ("a\u202eb", "control_character"),
    ],
)
def test_a_bad_value_is_refused_with_its_code(value: Any, code: str) -> None:
    assert faults({"name": value}) == {("/name", code)}


@pytest.mark.parametrize("value", [1.5, True, [], {}, "x" * 129])
def test_a_bad_nonce_is_refused(value: Any) -> None:
    assert {pointer for pointer, _ in faults({"name": "a", "nonce": value})} == {"/nonce"}


def test_all_faults_are_told_at_once() -> None:
    assert faults({"other": 1, "a/b~": 2, "note": 3}) == {
        ("/name", "required"),
        ("/note", "invalid_type"),
        ("/other", "unknown"),
        ("/a~1b~0", "unknown"),
    }
