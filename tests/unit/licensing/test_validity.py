"""The verdict: one code each, in an order that never changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from licensing.rules.refusals import REFUSALS
from licensing.rules.validity import (
    ACCEPTED,
    CHECKS,
    DETAILS,
    Code,
    Facts,
    Question,
    state,
    verdict,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOOD = Facts(
    status="active",
    suspended_reason="",
    product="relay",
    starts_at=NOW - timedelta(days=1),
    expires_at=NOW + timedelta(days=1),
    max_devices=2,
    active_devices=1,
)
ASKED = Question(product="relay", asks_device=True, device_is_linked=True)
STRANGER = {"device_is_linked": False}

# What makes each code hold: changes of the facts, changes of the question.
CAUSES: dict[Code, tuple[dict[str, Any], dict[str, Any]]] = {
    Code.REVOKED: ({"status": "revoked"}, {}),
    Code.SUSPENDED: ({"status": "suspended", "suspended_reason": "operator"}, {}),
    Code.NOT_STARTED: ({"starts_at": NOW + timedelta(seconds=1)}, {}),
    Code.EXPIRED: ({"expires_at": NOW}, {}),
    Code.PAYMENT_OVERDUE: ({"status": "suspended", "suspended_reason": "payment_overdue"}, {}),
    Code.PRODUCT_MISMATCH: ({}, {"product": "other"}),
    Code.NO_DEVICE: ({"active_devices": 0}, STRANGER),
    Code.TOO_MANY_DEVICES: ({"active_devices": 2}, STRANGER),
    Code.DEVICE_MISMATCH: ({}, STRANGER),
    Code.OVER_LIMIT: ({"active_devices": 3}, {}),
}
ORDER = [code for code, _ in CHECKS]
# Neighbours that cannot meet: one status at a time, no active device or every seat taken, and a
# stranger at an overfull license is TOO_MANY_DEVICES before it is anything else.
EXCLUSIVE = {
    (Code.REVOKED, Code.SUSPENDED),
    (Code.NO_DEVICE, Code.TOO_MANY_DEVICES),
    (Code.DEVICE_MISMATCH, Code.OVER_LIMIT),
}


def judge(*codes: Code) -> Code:
    facts, asked = GOOD, ASKED
    for code in codes:
        changed, question = CAUSES[code]
        facts, asked = replace(facts, **changed), replace(asked, **question)
    return verdict(facts, NOW, asked)


def test_a_good_license_is_valid() -> None:
    assert judge() is Code.VALID


def test_no_license_is_not_found() -> None:
    assert verdict(None, NOW, ASKED) is Code.NOT_FOUND


@pytest.mark.parametrize("code", ORDER)
def test_each_cause_alone_gives_its_code(code: Code) -> None:
    assert judge(code) is code


@pytest.mark.parametrize(
    ("first", "second"), [pair for pair in pairwise(ORDER) if pair not in EXCLUSIVE]
)
def test_of_two_neighbours_the_earlier_wins(first: Code, second: Code) -> None:
    assert judge(second, first) is first


def test_the_order_is_the_documented_one() -> None:
    assert [code.value for code in ORDER] == [
        "REVOKED",
        "SUSPENDED",
        "NOT_STARTED",
        "EXPIRED",
        "PAYMENT_OVERDUE",
        "PRODUCT_MISMATCH",
        "NO_DEVICE",
        "TOO_MANY_DEVICES",
        "DEVICE_MISMATCH",
        "OVER_LIMIT",
    ]


def test_a_license_ends_in_the_very_second() -> None:
    ends = NOW + timedelta(seconds=1)
    facts = replace(GOOD, expires_at=ends)
    assert verdict(facts, ends - timedelta(microseconds=1), ASKED) is Code.VALID
    assert verdict(facts, ends, ASKED) is Code.EXPIRED


def test_an_ended_subscription_counts_whatever_the_date() -> None:
    assert verdict(replace(GOOD, status="expired", expires_at=None), NOW, ASKED) is Code.EXPIRED


def test_above_the_limit_those_with_a_seat_stay_valid() -> None:
    assert judge(Code.OVER_LIMIT) in ACCEPTED


def test_a_question_without_device_or_product_asks_about_the_license_alone() -> None:
    assert verdict(replace(GOOD, active_devices=0), NOW, Question()) is Code.VALID


def test_every_code_has_a_sentence_and_every_state_a_refusal() -> None:
    assert set(DETAILS) == set(Code)
    assert set(REFUSALS) == set(ORDER[:5])


@pytest.mark.parametrize(
    ("status", "starts", "ends", "seen"),
    [
        ("active", -1, 1, "active"),
        ("active", 1, 2, "scheduled"),
        ("active", -2, 0, "expired"),
        ("suspended", -2, -1, "suspended"),
        ("revoked", 1, 2, "revoked"),
    ],
)
def test_people_see_what_time_has_made_of_a_status(
    status: str, starts: int, ends: int, seen: str
) -> None:
    hour = timedelta(hours=1)
    assert state(status, NOW + starts * hour, NOW + ends * hour, NOW) == seen
