"""Usage records are what the calls sum up to: nothing lost, nothing booked twice."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Sum
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import ApiAllowance, Membership, Notification, Organization, StoredHour
from accounts.rules.calls import Call
from accounts.services.calls import ingest
from accounts.services.organizations import create_organization
from billing import events
from billing.models import Product, QuotaAlert, UsageRecord
from billing.services.metering import meter_calls
from billing.services.quotas import watch_quotas
from tests.conftest import People, make_people
from tests.factories.billing import ProductFactory, plan_of, profile_of

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
SINCE, LATER = NOON - timedelta(hours=30), NOON + timedelta(hours=8)
KEY = UUID("0199d0f0-0000-7000-8000-000000000001")


def id_at(moment: datetime) -> UUID:
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | random.getrandbits(62))


def calls_of(
    organization: Organization,
    count: int,
    *,
    at: datetime = NOON,
    key: UUID = KEY,
    **facts: Any,
) -> None:
    ingest.write([
        Call(id_at(at + timedelta(seconds=n % 3600)), organization.pk, key, "/v1/x", "GET", 200, 5,
             **facts) for n in range(count)
    ])  # fmt: skip


def api(slug: str, rate: str, **grants: Any) -> Product:
    """A plan for the API of this name, unless `product` names another; so much for a thousand."""
    specs = {"price_per_thousand": {"EUR": rate}}
    return ProductFactory(kind="api", slug=slug, specs=specs, grants={"product": slug} | grants)


def booked(organization: Organization) -> int:
    records = UsageRecord.objects.for_organization(organization)
    return records.aggregate(n=Sum("request_count", default=0))["n"]


def test_a_closed_hour_becomes_one_record_with_its_exact_cost(people: People) -> None:
    plan_of(people.organization, api("maps", "0.4"))
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
    product = api("everything", "1", product="")
    plan_of(people.organization, product)
    profile_of(people.organization)
    calls_of(people.organization, 2)
    meter_calls(since=SINCE, at=LATER)
    product.specs = {"price_per_thousand": {"EUR": "9"}}
    product.save()
    calls_of(people.organization, 3, at=NOON + timedelta(minutes=10))
    assert meter_calls(since=SINCE, at=LATER) == 1
    first, late = UsageRecord.objects.order_by("source_key")
    assert (first.is_correction, late.is_correction) == (False, True)
    assert (late.request_count, late.rate_per_thousand) == (3, Decimal(1))
    assert {first.source_key[:-1], late.source_key[:-1]} == {first.source_key[:-1]}


def costs(organization: Organization) -> dict[str, Decimal]:
    rows = UsageRecord.objects.for_organization(organization).values_list("product", "total_cost")
    return dict(rows)


def test_calls_cost_what_the_organizations_own_plan_says(people: People) -> None:
    """Alice has the better plan, whose price has no calls in it; Charlie pays for each; Bob nothing."""
    pro = api("maps", "1000", tier="pro")
    enterprise = ProductFactory(
        kind="api", slug="maps-all", grants={"tier": "enterprise", "product": "maps"}
    )
    ours, theirs = people.organization, people.other
    free = create_organization(name="Bobs", owner=people.bob, country="DE")
    for organization in (ours, theirs):
        plan_of(organization, pro)
    plan_of(ours, enterprise)
    for organization in (ours, theirs, free):
        calls_of(organization, 3, product="maps")
    meter_calls(since=SINCE, at=LATER)
    assert costs(ours) == {"maps": 0}
    assert costs(theirs) == {"maps": 3}
    assert costs(free) == {"maps": 0}


def test_a_plan_prices_the_hours_that_began_while_it_ran(people: People) -> None:
    ours, everything = people.organization, api("everything", "1000", product="")
    hour = timedelta(hours=1)
    plan_of(
        ours,
        everything,
        anchor_at=NOON - hour,
        status="ended",
        ended_at=NOON + timedelta(minutes=9),
    )
    for hours in (-2, -1, 0, 1):
        calls_of(ours, 1, at=NOON + hours * hour)
    meter_calls(since=SINCE, at=LATER)
    records = UsageRecord.objects.order_by("period_start")
    assert [record.total_cost for record in records] == [0, 1, 1, 0]


def test_names_of_customers_are_booked_together_and_those_of_the_catalogue_apart(
    people: People,
) -> None:
    ours = people.organization
    plan_of(ours, api("everything", "1000", product=""))
    plan_of(ours, api("maps-pro", "2000", product="maps"))
    for product in ("maps", "own-1", "own-2", ""):
        calls_of(ours, 2, product=product)
    meter_calls(since=SINCE, at=LATER)
    assert costs(ours) == {"maps": 4, "": 6}
    api("own-1", "5")
    assert meter_calls(since=SINCE, at=LATER) == 2, "from now on a name of its own"
    assert booked(ours) == 8
    assert sum(record.total_cost for record in UsageRecord.objects.all()) == 10


def test_an_hour_whose_calls_all_enter_the_catalogue_is_not_booked_twice(people: People) -> None:
    ours = people.organization
    plan_of(ours, api("everything", "1000", product=""))
    calls_of(ours, 2, product="own-1")
    assert meter_calls(since=SINCE, at=LATER) == 1
    api("own-1", "5")
    assert meter_calls(since=SINCE, at=LATER) == 2
    rows = UsageRecord.objects.values_list("product", "request_count", "total_cost")
    assert set(rows) == {("", 2, 2), ("", -2, -2), ("own-1", 2, 2)}
    assert meter_calls(since=SINCE, at=LATER) == 0


def test_a_name_that_leaves_and_comes_back_takes_no_number_of_a_correction(people: People) -> None:
    """Meanwhile its records are the nameless group's, whose own have other numbers."""
    ours, own = people.organization, api("own-1", "5")
    calls_of(ours, 1)
    calls_of(ours, 2, product="own-1")
    meter_calls(since=SINCE, at=LATER)
    Product.objects.filter(pk=own.pk).update(slug="renamed", grants={})
    calls_of(ours, 3, at=NOON + timedelta(minutes=10))
    assert meter_calls(since=SINCE, at=LATER) == 1
    Product.objects.filter(pk=own.pk).update(slug="own-1")
    for minutes in (20, 30):
        calls_of(ours, 1, at=NOON + timedelta(minutes=minutes))
        assert meter_calls(since=SINCE, at=LATER) == 1
    assert [booked(ours), meter_calls(since=SINCE, at=LATER)] == [8, 0]


def test_a_correction_follows_the_highest_number_where_some_are_missing(people: People) -> None:
    ours, end = people.organization, NOON + timedelta(hours=1)
    for number in (0, 2):
        UsageRecord.objects.create(
            organization=ours, feature_type="api_calls", request_count=1, total_cost=0,
            period_start=NOON, period_end=end, currency="EUR",
            source_key=f"api_calls/{ours.pk}//{NOON:%Y-%m-%dT%H}/{number}",
        )  # fmt: skip
    calls_of(ours, 5)
    assert meter_calls(since=SINCE, at=LATER) == 1
    assert booked(ours) == 5


def test_the_newest_day_is_booked_first(people: People) -> None:
    for days in (0, 1, 2):
        calls_of(people.organization, 1, at=NOON - timedelta(days=days))
    meter_calls(since=NOON - timedelta(days=3), at=LATER)
    records = UsageRecord.objects.order_by("id").values_list("period_start", flat=True)
    assert list(records) == [NOON - timedelta(days=days) for days in (0, 1, 2)]


def test_a_day_that_the_database_refuses_does_not_hold_up_the_older_ones(people: People) -> None:
    plan_of(people.organization, api("maps", "1000"))
    calls_of(people.organization, 1, product="maps")
    StoredHour.objects.update(billable=10**16)  # More than a cost can be.
    calls_of(people.organization, 2, at=NOON - timedelta(hours=20), product="maps")
    assert meter_calls(since=SINCE, at=LATER) == 1
    assert UsageRecord.objects.get().period_start == NOON - timedelta(hours=20)


@pytest.mark.parametrize(
    "specs", [[], "x", {"price_per_thousand": []}, {"price_per_thousand": {"EUR": "1e9"}}]
)
def test_a_price_that_cannot_be_read_is_none(people: People, specs: Any) -> None:
    product = api("maps", "1")
    product.specs = specs
    product.save()
    plan_of(people.organization, product)
    calls_of(people.organization, 2, product="maps")
    assert meter_calls(since=SINCE, at=LATER) == 1
    assert costs(people.organization) == {"maps": 0}


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
        calls_of(organization, 3, at=NOON - timedelta(hours=hour), product="own-1")
    _meter_eight_times_at_once()
    assert UsageRecord.objects.count() == 12
    api("own-1", "5")
    _meter_eight_times_at_once()
    assert UsageRecord.objects.count() == 36, "each hour was moved once"
    assert booked(organization) == 36


def _meter_eight_times_at_once() -> None:
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


def limited(organization: Organization, quota: int) -> ApiAllowance:
    row, _ = ApiAllowance.objects.update_or_create(
        organization=organization,
        product="maps",
        defaults={"tier": "pro", "requests_per_minute": 10, "monthly_quota": quota},
    )
    return row


def test_a_quota_that_grew_is_told_of_anew(people: People) -> None:
    ours, at = people.organization, NOON.replace(day=20)
    limited(ours, 10)
    calls_of(ours, 10, at=at, product="maps")
    assert watch_quotas(at=at) == 2
    limited(ours, 20)
    assert watch_quotas(at=at) == 0
    calls_of(ours, 6, at=at, product="maps")
    assert [watch_quotas(at=at), watch_quotas(at=at)] == [1, 0]
    limited(ours, 10)
    assert watch_quotas(at=at) == 0, "told before"
    assert Notification.objects.filter(organization=ours, kind="quota_reached").count() == 3


def test_an_organization_that_cannot_be_told_does_not_silence_the_others(people: People) -> None:
    def crash(alert: QuotaAlert, **_: Any) -> None:
        if alert.organization_id == people.organization.pk:
            raise RuntimeError("no words")

    at = NOON.replace(day=20)
    for organization in (people.organization, people.other):
        limited(organization, 10)
        calls_of(organization, 8, at=at, product="maps")
    events.quota_threshold_reached.connect(crash)
    try:
        assert watch_quotas(at=at) == 1
    finally:
        events.quota_threshold_reached.disconnect(crash)
    assert QuotaAlert.objects.get().organization == people.other
    assert watch_quotas(at=at) == 1, "now both know"


def test_a_watch_whose_time_is_over_ends(people: People) -> None:
    def stop(**_: Any) -> None:
        raise SoftTimeLimitExceeded

    limited(people.organization, 10)
    calls_of(people.organization, 8, at=NOON.replace(day=20), product="maps")
    events.quota_threshold_reached.connect(stop)
    try:
        with pytest.raises(SoftTimeLimitExceeded):
            watch_quotas(at=NOON.replace(day=20))
    finally:
        events.quota_threshold_reached.disconnect(stop)


def test_a_plan_for_one_api_leaves_the_quota_of_the_others(people: People) -> None:
    at = NOON.replace(day=20)
    limited(people.organization, 1_000_000)
    people.organization.subscription_tier = "pro"
    people.organization.save()
    calls_of(people.organization, 1, at=at, product="weather")
    StoredHour.objects.update(billable=8_000)
    assert watch_quotas(at=at) == 1
    assert QuotaAlert.objects.get().quota == 10_000


def test_the_former_month_is_watched_for_a_day(people: People) -> None:
    """Unless what it allowed was changed since: then nobody knows whether it was passed."""
    turn = (datetime.now(UTC).replace(day=28) + timedelta(days=4)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    for organization in (people.organization, people.other):
        limited(organization, 10)
        calls_of(organization, 8, at=turn - timedelta(hours=1), product="maps")
    plan_of(people.other, api("maps", "1"), anchor_at=turn + timedelta(hours=1))
    assert watch_quotas(at=turn + timedelta(days=2)) == 0
    assert watch_quotas(at=turn + timedelta(hours=2)) == 1
    alert = QuotaAlert.objects.get()
    assert (alert.organization, alert.used) == (people.organization, 8)
    assert alert.month == (turn - timedelta(days=1)).date().replace(day=1)


def test_members_see_what_is_booked_this_month_and_strangers_nothing(people: People) -> None:
    """Alice owns, Bob is a member, Charlie a stranger; nobody has no account."""
    plan_of(people.organization, api("maps", "2500"))
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
