"""From hourly sums of API calls to usage records: nothing lost, nothing booked twice.

Nobody tracks what is new. Each run compares, for every closed hour, what the sums say with what is
booked, and books the difference; so late calls, a run that was killed and two runs at once all end
with the same total.

Customers name products as they please; what is booked has the names of the catalogue, so that
nobody can fill the books. Calls that name anything else are booked together, without a product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Q

from accounts.rules.calls import OWN_API
from billing import events
from billing.models import BillingProfile, Product, Subscription, UsageRecord
from billing.rules.metering import cost_of, rate_in, require_rates
from billing.services.api_plans import allowance_of, worth
from config.kit.errors import InvalidInput

logger = structlog.get_logger(__name__)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTLED = timedelta(minutes=5)
"""How long after its end an hour is booked: calls that were on their way have arrived."""
BATCH = 2000

_UNBOOKED = """
WITH sold AS (
    SELECT DISTINCT called.name
      FROM billing_product, unnest(ARRAY[slug, grants ->> 'product']) AS called (name)
     WHERE kind = 'api' AND called.name <> ''
), trial AS (
    SELECT * FROM unnest(%(keys)s::uuid[], %(ends)s::timestamptz[], %(names)s::text[])
        AS trial (api_key_id, ends_at, product)
), counted AS (
    SELECT calls.organization_id, coalesce(sold.name, '') AS product, calls.hour,
           coalesce(sum(billable) FILTER (WHERE trial.ends_at IS NULL), 0) AS ours,
           coalesce(sum(billable) FILTER (WHERE trial.ends_at IS NOT NULL), 0) AS tried
      FROM series.api_calls_hourly calls
      LEFT JOIN sold ON sold.name = calls.product
      LEFT JOIN trial ON trial.api_key_id = calls.api_key_id AND calls.hour < trial.ends_at
       AND trial.product IN (calls.product, '')
     WHERE hour >= %(since)s AND hour < %(until)s AND calls.product <> %(own)s
     GROUP BY calls.organization_id, coalesce(sold.name, ''), calls.hour
), booked AS (
    SELECT feature_type, organization_id, coalesce(sold.name, '') AS product,
           period_start AS hour, sum(request_count) AS calls,
           coalesce(max(substring(source_key FROM '/([0-9]+)$')::int)
                    FILTER (WHERE record.product = coalesce(sold.name, '')), 0) + 1 AS number,
           min(rate_per_thousand) AS rate, min(currency) AS currency
      FROM billing_usagerecord record LEFT JOIN sold ON sold.name = record.product
     WHERE feature_type IN ('api_calls', 'trial_calls')
       AND period_start >= %(since)s AND period_start < %(until)s
     GROUP BY feature_type, organization_id, coalesce(sold.name, ''), period_start
)
SELECT feature_type, organization_id, product, hour,
       coalesce(kind.calls, 0) - coalesce(booked.calls, 0),
       coalesce(booked.number, 0), booked.rate, booked.currency
  FROM counted
 CROSS JOIN LATERAL (VALUES ('api_calls', ours), ('trial_calls', tried)) kind (feature_type, calls)
  FULL JOIN booked USING (feature_type, organization_id, product, hour)
 WHERE coalesce(kind.calls, 0) <> coalesce(booked.calls, 0)
 ORDER BY hour, organization_id, product, feature_type LIMIT %(most)s
"""
"""Hours with records and no calls left count too: their calls may have got another name since.

A group's records may bear names that left the catalogue, so the number that makes a source key
unique follows the highest of those that bear the group's own name.
"""
Trials = dict[UUID, tuple[datetime, str]]
"""Until when the calls of a key to the API of this name, empty for all, cost nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription to an API while it ran; `product` is empty when it was for all of them."""

    product: str
    worth: tuple[int, bool, int]
    specs: Any
    began_at: datetime
    ended_at: datetime | None

    def ran_at(self, moment: datetime) -> bool:
        return self.began_at <= moment and (self.ended_at is None or moment < self.ended_at)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What organizations pay for a thousand calls: what their own plans say."""

    plans: dict[UUID, list[Plan]]
    currencies: dict[UUID, str]

    def rate(self, organization_id: UUID, product: str, hour: datetime) -> tuple[Decimal, str]:
        """Return the rate of the plan that ran when the hour began: the product's, else that for all."""
        currency = self.currencies.get(organization_id, "EUR")
        running = [each for each in self.plans.get(organization_id, []) if each.ran_at(hour)]
        fitting = [each for each in running if each.product in (product, "")]
        if not fitting:
            return Decimal(0), currency
        best = max(fitting, key=lambda each: (each.product == product, each.worth))
        return rate_in(best.specs, currency), currency


def meter_calls(*, since: datetime, at: datetime) -> int:
    """Book every closed hour from `since` on; return how many records were written.

    The newest day comes first, so that an older one with much to correct holds up nobody. A
    correction keeps the rate that its hour was first booked with. A day that cannot be booked is
    in the log, and the others are.
    """
    written = 0
    trials = _trials(since)
    for start, end in _days(since, (at - SETTLED).replace(minute=0, second=0, microsecond=0)):
        try:
            written += _meter_day(start, end, trials)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            # The boundary: one day that cannot be booked must not hold up all others.
            if not connection.is_usable():
                raise
            logger.exception("usage.day_not_booked", day=f"{start:%Y-%m-%d}")
    return written


def _meter_day(start: datetime, end: datetime, trials: Trials) -> int:
    written = 0
    while found := _unbooked(start, end, trials):
        done = _book(found)
        written += done
        if len(found) < BATCH or not done:
            break
    return written


def _days(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while until > since:
        start = max(since, until - DAY)
        yield start, until
        until = start


def _trials(since: datetime) -> Trials:
    """Return the keys that are or were for a trial; the storey above knows of trials."""
    found: Trials = {}
    answers: list[tuple[Any, Any]] = events.usage_metering.send(UsageRecord, since=since)
    for _, keys in answers:
        found |= keys
    return found


@transaction.atomic
def _book(found: list[tuple[Any, ...]]) -> int:
    """Write the differences; whoever booked the same one first has the source key already."""
    tariff = _tariff({organization_id for _, organization_id, *_ in found})
    records = [_record(row, tariff) for row in found]
    UsageRecord.objects.bulk_create(records, ignore_conflicts=True)
    return UsageRecord.objects.filter(pk__in=[record.pk for record in records]).count()


def _record(row: tuple[Any, ...], tariff: Tariff) -> UsageRecord:
    feature, organization_id, product, hour, calls, number, rate, currency = row
    hour = hour.astimezone(UTC)
    if rate is None:
        rate, currency = tariff.rate(organization_id, product, hour)
        if feature == UsageRecord.Feature.TRIAL_CALLS:
            rate = Decimal(0)
    return UsageRecord(
        organization_id=organization_id,
        feature_type=feature,
        product=product,
        period_start=hour,
        period_end=hour + HOUR,
        request_count=int(calls),
        rate_per_thousand=rate,
        total_cost=cost_of(int(calls), rate),
        currency=currency,
        source_key=f"{feature}/{organization_id}/{product}/{hour:%Y-%m-%dT%H}/{number}",
    )


def _unbooked(since: datetime, until: datetime, trials: Trials) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {"since": since, "until": until, "own": OWN_API, "most": BATCH}
    values |= {"keys": list(trials), "ends": [ends_at for ends_at, _ in trials.values()]}
    values["names"] = [product for _, product in trials.values()]
    with connection.cursor() as cursor:
        cursor.execute(_UNBOOKED, values)
        return list(cursor.fetchall())


def _tariff(organizations: set[UUID]) -> Tariff:
    """Read what the organizations have, and had until it ended, and the currencies they pay in."""
    plans: dict[UUID, list[Plan]] = {}
    rows = Subscription.objects.filter(
        Q(status=Subscription.Status.ENDED) | Q(pk__in=Subscription.objects.running()),
        organization_id__in=organizations,
        price__product__kind=Product.Kind.API,
    )
    rows = rows.select_related("price__product").order_by("anchor_at", "pk")
    for product in {row.price.product for row in rows}:
        _warn_of(product)
    for row in rows:
        product = row.price.product
        name, allowance = allowance_of(product.grants, row.quantity)
        plan = Plan(name, worth(allowance), product.specs, row.anchor_at, row.ended_at)
        plans.setdefault(row.organization_id, []).append(plan)
    profiles = BillingProfile.objects.filter(organization_id__in=organizations)
    return Tariff(plans, dict(profiles.values_list("organization_id", "currency")))


def _warn_of(product: Product) -> None:
    try:
        require_rates(product.specs)
    except InvalidInput:
        logger.warning("usage.rates_unreadable", product=product.slug)
