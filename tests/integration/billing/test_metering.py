"""Usage records are what the calls sum up to: nothing lost, nothing booked twice."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import ApiAllowance, Membership, Notification, Organization
from accounts.rules.calls import Call
from accounts.services.calls import ingest
from billing.models import QuotaAlert, UsageRecord
from billing.services.metering import meter_calls
from billing.services.quotas import watch_quotas
from tests.conftest import People, make_people
from tests.factories.billing import ProductFactory, profile_of

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
SINCE, LATER = NOON - timedelta(hours=30), NOON + timedelta(hours=8)
KEY = UUID("0199d0f0-0000-7000-8000-000000000001")


def id_at(moment: datetime) -> UUID:
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | random.getrandbits(62))


def calls_of(organization: Organization, count: int, *, at: datetime = NOON, **facts: Any) -> None:
    ingest.write([
        Call(id_at(at + timedelta(seconds=n % 3600)), organization.pk, KEY, "/v1/x", "GET", 200, 5,
             **facts) for n in range(count)
    ])  # fmt: skip


def booked(organization: Organization) -> int:
    records = UsageRecord.objects.for_organization(organization)
    return records.aggregate(n=Sum("request_count", default=0))["n"]


def test_a_closed_hour_becomes_one_record_with_its_exact_cost(people: People) -> None:
    ProductFactory(kind="api", slug="maps", specs={"price_per_thousand": {"EUR": "0.4"}})
    calls_of(people.organization, 7, product="maps")
    calls_of(people.organization, 3, product="maps", outcome="RATE_LIMITED")
    calls_of(people.organization, 5, product="switchyard-api")
    assert meter_calls(since=SINCE, at=LATER) == 1
    record = UsageRecord.objects.get()
    assert (record.request_count, record.total_cost) == (7, Decimal("0.0028000"))
    assert (record.period_start, record.period_end) == (NOON, NOON + timedelta(hours=1))
    assert meter_calls(since=SINCE, at=LATER) == 0


def test_an_hour_that_is_not_over_is_not_booked(people: People) -> None:
    calls_of(people.organization, 2)
    assert meter_calls(since=SINCE, at=NOON + timedelta(minutes=64)) == 0
    assert meter_calls(since=SINCE, at=NOON + timedelta(minutes=66)) == 1


def test_late_calls_are_a_correction_at_the_rate_of_their_hour(people: People) -> None:
    product = ProductFactory(
        kind="api", slug="maps", specs={"price_per_thousand": {"EUR": "1"}, "meters_unnamed": True}
    )
    profile_of(people.organization)
    calls_of(people.organization, 2)
    meter_calls(since=SINCE, at=LATER)
    product.specs = {"price_per_thousand": {"EUR": "9"}, "meters_unnamed": True}
    product.save()
    calls_of(people.organization, 3, at=NOON + timedelta(minutes=10))
    assert meter_calls(since=SINCE, at=LATER) == 1
    first, late = UsageRecord.objects.order_by("source_key")
    assert (first.is_correction, late.is_correction) == (False, True)
    assert (late.request_count, late.rate_per_thousand) == (3, Decimal(1))
    assert {first.source_key[:-1], late.source_key[:-1]} == {first.source_key[:-1]}


def test_records_are_append_only_for_every_role(people: People) -> None:
    calls_of(people.organization, 1)
    meter_calls(since=SINCE, at=LATER)
    for change in ("UPDATE billing_usagerecord SET request_count = 0",
                   "DELETE FROM billing_usagerecord",
                   "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE billing_usagerecord"):  # fmt: skip
        refused = pytest.raises(IntegrityError, match="append-only")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrivals=st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(1, 5), st.sampled_from(["", "maps"]), st.booleans()
        ),
        max_size=12,
    )
)
def test_records_sum_up_to_the_calls_in_any_order_of_arrival(
    people: People, arrivals: list[tuple[int, int, str, bool]]
) -> None:
    """Calls of several hours come mixed, in batches, some twice, with metering in between."""
    with transaction.atomic():
        mark = transaction.savepoint()
        sent = 0
        for hours, count, product, meter_now in arrivals:
            calls_of(people.organization, count, at=NOON - timedelta(hours=hours), product=product)
            sent += count
            if meter_now:
                meter_calls(since=SINCE, at=LATER)
        meter_calls(since=SINCE, at=LATER)
        assert booked(people.organization) == sent
        transaction.savepoint_rollback(mark)


@pytest.mark.usefixtures("live_database")
def test_eight_meters_at_once_book_every_hour_once() -> None:
    organization = make_people().organization
    for hour in range(12):
        calls_of(organization, 3, at=NOON - timedelta(hours=hour))
    gate = threading.Barrier(8)

    def run() -> None:
        gate.wait()
        meter_calls(since=SINCE, at=LATER)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert UsageRecord.objects.count() == 12
    assert booked(organization) == 36


def test_eighty_and_a_hundred_percent_are_told_once_each(people: People) -> None:
    ours = people.organization
    ApiAllowance.objects.create(
        organization=ours, product="maps", tier="pro", requests_per_minute=10, monthly_quota=10
    )
    at = NOON + timedelta(hours=2)
    month_start = at.replace(day=1, hour=0, minute=0)
    moment = max(NOON, month_start)
    calls_of(ours, 7, at=moment, product="maps")
    assert watch_quotas(at=at) == 0
    calls_of(ours, 1, at=moment, product="maps")
    assert [watch_quotas(at=at), watch_quotas(at=at)] == [1, 0]
    calls_of(ours, 5, at=moment, product="maps")
    assert [watch_quotas(at=at), watch_quotas(at=at)] == [1, 0]
    alerts = QuotaAlert.objects.for_organization(ours).order_by("percent")
    assert [(each.percent, each.used) for each in alerts] == [(80, 8), (100, 13)]
    told = Notification.objects.filter(organization=ours, kind="quota_reached")
    assert sorted(each.severity for each in told) == ["critical", "warning"]
    assert Membership.objects.filter(organization=ours, role="owner").exists()


def test_members_see_what_is_booked_this_month_and_strangers_nothing(people: People) -> None:
    """Alice owns, Bob is a member, Charlie a stranger; nobody has no account."""
    ProductFactory(kind="api", slug="maps", specs={"price_per_thousand": {"EUR": "2500"}})
    calls_of(people.organization, 2, product="maps")
    meter_calls(since=SINCE, at=LATER)
    path = f"/api/v1/billing/usage?month={NOON:%Y-%m}"
    for user in (people.alice, people.bob):
        (line,) = people.client(user).get(path).json()["lines"]
        assert (line["request_count"], line["total_cost"]) == (2, "5.0000000")
    assert people.client(people.charlie).get(path).json()["lines"] == []
    assert people.client(None).get(path).status_code == 401
    assert people.client(people.bob).get("/api/v1/billing/usage?month=2026-13").status_code == 422
    if NOON.month == datetime.now(UTC).month:
        assert "€5.00".encode() in people.client(people.bob).get("/billing/").content
