"""From hourly sums of API calls to usage records: nothing lost, nothing booked twice.

Nobody tracks what is new. Each run compares, for every closed hour, what the sums say with what is
booked, and books the difference; so late calls, a run that was killed and two runs at once all end
with the same total.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.rules.calls import OWN_API
from billing.models import BillingProfile, Product, UsageRecord
from billing.rules.metering import cost_of, rate_in

HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=5)
"""How long after its end an hour is booked: calls that were on their way have arrived."""
BATCH = 2000

_UNBOOKED = """
WITH counted AS (
    SELECT organization_id, product, hour, sum(billable) AS calls
      FROM series.api_calls_hourly
     WHERE hour >= %(since)s AND hour <= %(until)s AND product <> %(own)s
     GROUP BY organization_id, product, hour
), booked AS (
    SELECT organization_id, product, period_start AS hour, sum(request_count) AS calls,
           count(*) AS records, min(rate_per_thousand) AS rate, min(currency) AS currency
      FROM billing_usagerecord
     WHERE feature_type = 'api_calls' AND period_start >= %(since)s AND period_start <= %(until)s
     GROUP BY organization_id, product, period_start
)
SELECT organization_id, product, hour, counted.calls - coalesce(booked.calls, 0),
       coalesce(booked.records, 0), booked.rate, booked.currency
  FROM counted LEFT JOIN booked USING (organization_id, product, hour)
 WHERE counted.calls <> coalesce(booked.calls, 0)
 ORDER BY hour, organization_id, product LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Tariff:
    """The catalogue's rates for a thousand calls, by slug; "" is for calls without a product."""

    specs: dict[str, Any]
    currencies: dict[UUID, str]

    def rate(self, organization_id: UUID, product: str) -> tuple[Decimal, str]:
        currency = self.currencies.get(organization_id, "EUR")
        return rate_in(self.specs.get(product, {}), currency), currency


def meter_calls(*, since: datetime, at: datetime) -> int:
    """Book every closed hour from `since` on; return how many records were written.

    A correction keeps the rate that its hour was first booked with.
    """
    written = 0
    while found := _unbooked(since, at - HOUR - SETTLED):
        done = _book(found)
        written += done
        if len(found) < BATCH or not done:
            break
    return written


@transaction.atomic
def _book(found: list[tuple[Any, ...]]) -> int:
    """Write the differences; whoever booked the same one first has the source key already."""
    tariff = _tariff([organization_id for organization_id, *_ in found])
    records = [_record(row, tariff) for row in found]
    UsageRecord.objects.bulk_create(records, ignore_conflicts=True)
    return UsageRecord.objects.filter(pk__in=[record.pk for record in records]).count()


def _record(row: tuple[Any, ...], tariff: Tariff) -> UsageRecord:
    organization_id, product, hour, calls, records, rate, currency = row
    if rate is None:
        rate, currency = tariff.rate(organization_id, product)
    hour = hour.astimezone(UTC)
    return UsageRecord(
        organization_id=organization_id,
        feature_type=UsageRecord.Feature.API_CALLS,
        product=product,
        period_start=hour,
        period_end=hour + HOUR,
        request_count=int(calls),
        rate_per_thousand=rate,
        total_cost=cost_of(int(calls), rate),
        currency=currency,
        source_key=f"api_calls/{organization_id}/{product}/{hour:%Y-%m-%dT%H}/{records}",
    )


def _unbooked(since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {"since": since, "until": until, "own": OWN_API, "most": BATCH}
    with connection.cursor() as cursor:
        cursor.execute(_UNBOOKED, values)
        return list(cursor.fetchall())


def _tariff(organizations: list[UUID]) -> Tariff:
    """Read the rates of API products. One with `"meters_unnamed": true` prices the unnamed too."""
    specs: dict[str, Any] = {}
    for slug, each in Product.objects.filter(kind="api").values_list("slug", "specs"):
        specs[slug] = each
        if each.get("meters_unnamed"):
            specs[""] = each
    rows = BillingProfile.objects.filter(organization_id__in=set(organizations))
    return Tariff(specs, dict(rows.values_list("organization_id", "currency")))
