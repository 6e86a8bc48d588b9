"""Lists that may hold millions count to 10,000 and no further."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.models import StoredCall
from config.kit import context
from config.kit.ids import uuid7
from config.kit.lists import MOST_COUNTED
from config.kit.sheets import write_csv
from tests.conftest import People, WalledClient

SOME = MOST_COUNTED + 60


def _call(people: People, number: int, **facts: Any) -> StoredCall:
    usual = {
        "api_key_id": people.alice.pk, "product": "maps", "endpoint": f"/v1/{number}",
        "method": "GET", "status_code": 200, "outcome": "VALID", "latency_ms": 5,
    }  # fmt: skip
    return StoredCall(
        id=uuid7(), organization_id=people.organization.pk, called_at=now(), **usual | facts
    )


def test_calls_are_counted_to_a_limit_in_each_tab(people: People, alice: WalledClient) -> None:
    many = [_call(people, number) for number in range(SOME)]
    few = [_call(people, number, status_code=503) for number in range(3)]
    StoredCall.objects.bulk_create([*many, *few], batch_size=5000)
    page = alice.get("/usage/calls/?page=9999&size=100")
    tabs = [(tab.key, tab.count, tab.is_more) for tab in page.context["tabs"]]
    assert tabs == [("", MOST_COUNTED, True), ("errors", 3, False), ("refused", 0, False)]
    assert page.context["page"].number == MOST_COUNTED // 100, "the last page that is counted"
    assert len(page.context["page"].object_list) == 100
    said = page.content.decode()
    assert '<span class="count">10,000+</span>' in said
    assert "10,000+ calls" in said
    assert "1 to 3 of 3 calls" in " ".join(
        alice.get("/usage/calls/?status=errors").content.decode().split()
    )
    lines = alice.get("/usage/calls/?export=csv").content.decode().strip().splitlines()
    assert len(lines) == 1 + SOME + 3, "the CSV takes all"


def test_entries_of_the_audit_log_are_counted_to_a_limit(
    people: People, alice: WalledClient
) -> None:
    with context.acting(organization_id=people.organization.pk), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(audit.event('test', 'x', number::text, %s, '{}'))"
            " FROM generate_series(1, %s) AS number",
            [people.organization.pk, SOME],
        )
    assert "10,000+ entries" in alice.get("/logs/").content.decode()


@pytest.mark.parametrize("text", [" =1+1", "  @SUM(A1)", "\nx", "-1"])
def test_a_list_s_csv_runs_no_formula(text: str) -> None:
    assert f"'{text}" in write_csv([("Text", str)], [text]).decode()
    assert b"'" not in write_csv([("Number", int)], [-1])
