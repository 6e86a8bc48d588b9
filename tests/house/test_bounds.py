"""API-5: every list is bounded, and what is out of range is refused, never believed and never a 500."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.conftest import WalledClient
from tests.house.conftest import Standing
from tests.house.operations import Operation, operations, signed_in

READS = [each for each in operations() if each.method == "get"]
LISTS = [each for each in READS if {"limit", "cursor"} <= each.parameters.keys()]
QUERIED = [
    (each, name)
    for each in READS
    for name, parameter in each.parameters.items()
    if parameter["in"] == "query"
]
ADDRESSED = [each for each in operations() if "{" in each.path and each.method != "post"]
# What a query may hold that no parameter of ours means.
NONSENSE = [
    "\x00", "'; --", "9" * 400, "-1", "1e999", "NaN", "9999999999999999999", "0001-01-01",
    "9999-12-31T23:59:59+23:59", "0000-00-00T00:00:00Z", "ﬀ", "\U0001f4a9",
]  # fmt: skip
# Times with an offset that Python reads and PostgreSQL does not; a page writes neither.
ELSEWHERE = [
    b64encode(b"p=2026-01-01" + between + b"00:00:00-23:59").decode() for between in (b"T", b" ")
]


def test_every_list_has_a_limit_and_a_cursor() -> None:
    """What answers `next` is paged; the others are short by nature and bounded by their service."""
    paged = {each.name for each in READS if "next" in str(_answer(each))}
    assert paged == {each.name for each in LISTS}
    assert len(LISTS) > 12


def _answer(operation: Operation) -> Any:
    shape = next(iter(operation.facts["responses"]["200"]["content"].values()))["schema"]
    name = shape.get("$ref", "").rpartition("/")[2]
    return name.startswith("Paginated") and {"next": name}


@pytest.fixture(scope="module")
def alice(standing: Standing) -> WalledClient:
    return signed_in(standing)


@pytest.mark.parametrize("operation", LISTS, ids=str)
def test_a_page_holds_at_most_200_rows(
    standing: Standing, alice: WalledClient, operation: Operation
) -> None:
    path = operation.address(standing.things)
    assert alice.get(path, {"limit": "200"}).status_code == 200
    for limit in ("201", "0", "-1", "1e2", "", "ten", "٣", "9" * 30, "\x00", "1.0"):
        assert alice.get(path, {"limit": limit}).status_code == 422, limit
    for cursor in (
        "x",
        "\x00",
        "AAAA",
        "cD0=",
        "cD1ub3BlJTAw",
        "bz05OTk5OTk5OTk=",
        "é" * 50,
        *ELSEWHERE,
    ):
        assert alice.get(path, {"cursor": cursor}).status_code in (200, 422), cursor
    one = alice.get(path, {"limit": "1"}).json()
    assert len(one["results"]) <= 1


@pytest.mark.parametrize(
    ("operation", "name"), QUERIED, ids=lambda value: str(value) if value else ""
)
def test_no_value_of_a_parameter_breaks_anything(
    standing: Standing, alice: WalledClient, operation: Operation, name: str
) -> None:
    path = operation.address(standing.things)
    for value in NONSENSE:
        answer = alice.get(path, {name: value})
        assert answer.status_code in (200, 404, 422), (value, answer.content[:200])


@pytest.mark.parametrize("operation", ADDRESSED, ids=str)
def test_no_id_in_an_address_breaks_anything(
    standing: Standing, alice: WalledClient, operation: Operation
) -> None:
    for value in ("0", "9" * 30, "-1", "x" * 300, "00000000-0000-0000-0000-000000000000", "%00"):
        path = operation.path.format(**dict.fromkeys(standing.things, value))
        answer = standing.ask(alice, operation.method, path)
        assert answer.status_code in (404, 422), (value, answer.status_code)
        assert answer["Content-Type"] == "application/problem+json"
