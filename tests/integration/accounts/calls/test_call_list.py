"""The list of single calls: a range bounds what is searched, and an empty answer says which."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import StoredCall
from accounts.services.calls.retention import keep_series
from config.kit import context
from config.kit.ids import uuid7
from tests.conftest import People, WalledClient, behind_the_wall

LIST = "/usage/calls/"


@pytest.fixture
def calls(people: People) -> list[StoredCall]:
    """One call of each age, in hours: a range takes those within."""
    at = datetime.now(UTC)
    return StoredCall.objects.bulk_create(
        StoredCall(
            id=uuid7(), organization_id=people.organization.pk, api_key_id=people.alice.pk,
            called_at=at - timedelta(hours=hours), product="maps", endpoint=f"/v1/old/{hours}",
            method="GET", status_code=503, outcome="VALID", latency_ms=5,
        )
        for hours in (1, 50, 24 * 20, 24 * 60)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 1), ("range=24h", 1), ("range=7d", 2), ("range=30d", 3), ("range=all", 4),
     ("range=%00", 1), ("range=7d&q=old&status=errors", 2)],
)  # fmt: skip
def test_a_range_bounds_the_list_its_counts_and_its_csv(
    calls: list[StoredCall], bob: WalledClient, query: str, found: int
) -> None:
    page = bob.get(f"{LIST}?{query}")
    expected = [call.pk for call in calls[:found]]
    assert [call.pk for call in page.context["page"]] == expected
    assert {tab.key: tab.count for tab in page.context["tabs"]}["errors"] == found
    lines = bob.get(LIST + page.context["export_query"]).content.decode("utf-8-sig").split()
    assert [line.partition(",")[0] for line in lines[1:] if "/v1/" in line] == [
        str(pk) for pk in expected
    ]


@pytest.mark.parametrize(
    ("query", "searched", "longer"),
    [("q=/v1/old/1440", "the last 24 hours", "?q=%2Fv1%2Fold%2F1440&amp;range=7d"),
     ("q=/v1/old/1440&range=30d", "the last 30 days", "?q=%2Fv1%2Fold%2F1440&amp;range=all"),
     ("range=all&q=none", "all calls that are kept", None)],
)  # fmt: skip
def test_an_empty_answer_says_what_was_searched_and_offers_more(
    calls: list[StoredCall], bob: WalledClient, query: str, searched: str, longer: str | None
) -> None:
    said = bob.get(f"{LIST}?{query}").content.decode()
    assert "No call matches" in said
    assert f"Searched: {searched}." in said
    offered = re.search(r'href="([^"]*)"[^>]*>\s*Search ', said)
    assert (offered and offered[1]) == longer


def test_links_of_the_usage_page_keep_its_range(calls: list[StoredCall], bob: WalledClient) -> None:
    said = bob.get("/usage/?range=30d&group=endpoint").content.decode()
    assert f'href="{LIST}?range=30d"' in said
    assert f'href="{LIST}?range=30d&amp;endpoint=/v1/old/50"' in said


def test_older_partitions_are_not_read(people: People, bob: WalledClient) -> None:
    """Of days after today there are partitions too, and empty."""
    at = datetime.now(UTC)
    keep_series(at=at)
    yesterday = f"api_calls_{at - timedelta(days=1):%Y%m%d}"
    oldest = f"api_calls_{at - timedelta(days=3):%Y%m%d}"
    assert oldest in _read(people, bob, "range=all&q=none&status=errors")
    read = _read(people, bob, "q=none&status=errors")
    assert min(read) >= yesterday
    assert at.strftime("api_calls_%Y%m%d") in read


def _read(people: People, bob: WalledClient, query: str) -> set[str]:
    """Return the days' partitions that the queries behind the list would read."""
    with CaptureQueriesContext(connection) as seen:
        assert bob.get(f"{LIST}?{query}").status_code == 200
    asked = [each["sql"] for each in seen if '"api_calls"' in each["sql"]]
    assert len(asked) >= 3
    plans: list[Any] = []
    tenant = context.acting(organization_id=people.organization.pk)
    with tenant, behind_the_wall(), connection.cursor() as cursor:
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            plans += cursor.fetchall()
    return {name for (line,) in plans for name in re.findall(r"api_calls_\d{8}\b", line)}
