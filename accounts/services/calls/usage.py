"""How much the API is used: read from the hourly sums, never from single calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Trunc
from django.utils import timezone

from accounts.models import ApiAllowance, ApiKey, HourlyCalls, Organization
from accounts.rules.calls import OWN_API
from accounts.rules.latency import percentile
from config.kit import context

RANGES = {
    "24h": (timedelta(hours=24), "hour"),
    "7d": (timedelta(days=7), "hour"),
    "30d": (timedelta(days=30), "day"),
}
GROUPS = {"key": "api_key_id", "endpoint": "endpoint", "product": "product"}
MOST_GROUPS = 100
_MEASURES = {name: Sum(name) for name in ("requests", "errors", "billable", "latency_ms")}


@dataclass(slots=True)
class Figures:
    """Sums over some calls; `p95` in milliseconds is at most 4.5 % off, None without calls."""

    requests: int = 0
    errors: int = 0
    billable: int = 0
    latency_ms: int = 0
    buckets: dict[int, int] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> None:
        self.requests += row["requests"]
        self.errors += row["errors"]
        self.billable += row["billable"]
        self.latency_ms += row["latency_ms"]
        bucket = row["latency_bucket"]
        self.buckets[bucket] = self.buckets.get(bucket, 0) + row["requests"]

    @property
    def p95(self) -> int | None:
        return percentile(self.buckets)

    @property
    def mean(self) -> int | None:
        return round(self.latency_ms / self.requests) if self.requests else None

    @property
    def error_share(self) -> float:
        """Errors in percent of all requests."""
        return 100 * self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """One key, endpoint or product and its figures; `label` is for people."""

    key: str
    label: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Usage:
    """What a range held: in all, step by step without gaps, and by group, most requests first."""

    since: datetime
    until: datetime
    step: str
    total: Figures
    steps: list[tuple[datetime, Figures]]
    groups: list[Group]


def usage_of(organization: Organization, *, range: str, group_by: str, at: datetime) -> Usage:
    """Return the usage up to `at`, in whole hours or days of the current time zone.

    4 queries, 6 when there are more groups than are shown.
    """
    length, step = RANGES[range]
    until = timezone.localtime(at)
    since = _floor(until - length, step) + _one(step)
    rows = HourlyCalls.objects.for_organization(organization).filter(hour__gte=since, hour__lte=at)
    total, steps = _by_step(rows, step, since, until)
    return Usage(since, at, step, total, steps, _by_group(organization, rows, group_by))


def used_this_month(organization_id: UUID, product: str, at: datetime) -> int:
    """Return how many calls of this UTC month count against a quota.

    An empty `product` means all that have no allowance of their own. Calls of our own API never
    count. Opens the organization's tenant itself: whoever asks may not have one yet.
    """
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with context.acting(organization_id=organization_id):
        rows = HourlyCalls.objects.for_organization(organization_id)
        rows = rows.filter(hour__gte=start, hour__lte=at)
        if product:
            rows = rows.filter(product=product)
        else:
            apart = ApiAllowance.objects.for_organization(organization_id).exclude(product="")
            rows = rows.exclude(product__in=[OWN_API, *apart.values_list("product", flat=True)])
        return int(rows.aggregate(used=Sum("billable", default=0))["used"])


def _by_step(
    rows: QuerySet[Any], step: str, since: datetime, until: datetime
) -> tuple[Figures, list[tuple[datetime, Figures]]]:
    total, found = Figures(), {moment: Figures() for moment in _moments(since, until, step)}
    sums = rows.annotate(step=Trunc("hour", step)).values("step", "latency_bucket")
    for row in sums.annotate(**_MEASURES).order_by():
        total.add(row)
        found.setdefault(row["step"], Figures()).add(row)
    return total, sorted(found.items())


def _by_group(organization: Organization, rows: QuerySet[Any], group_by: str) -> list[Group]:
    name = GROUPS[group_by]
    sizes = rows.values(name).annotate(requests=Sum("requests")).order_by("-requests", name)
    largest = list(sizes.values_list(name, flat=True)[: MOST_GROUPS + 1])
    shown, is_all = largest[:MOST_GROUPS], len(largest) <= MOST_GROUPS
    found = {key: Figures() for key in shown}
    for row in _by_bucket(rows.filter(**{f"{name}__in": shown}), name):
        found[row[name]].add(row)
    labels = _labels(organization, group_by, shown)
    groups = [Group(str(key), labels[key], found[key]) for key in shown]
    return groups if is_all else [*groups, _others(rows.exclude(**{f"{name}__in": shown}), name)]


def _others(rows: QuerySet[Any], name: str) -> Group:
    """Return what is too small to be shown by itself: one row a bucket, however many they are."""
    figures = Figures()
    for row in _by_bucket(rows):
        figures.add(row)
    count = rows.aggregate(count=Count(name, distinct=True))["count"]
    return Group("", f"{count} others", figures)


def _by_bucket(rows: QuerySet[Any], *names: str) -> QuerySet[Any]:
    sums: QuerySet[Any] = rows.values(*names, "latency_bucket").annotate(**_MEASURES).order_by()
    return sums


def _labels(organization: Organization, group_by: str, keys: Sequence[Any]) -> dict[Any, str]:
    if group_by == "endpoint":
        return {key: key for key in keys}
    if group_by == "product":
        names = {"": "No product", OWN_API: "Switchyard API"}
        return {key: names.get(key, key) for key in keys}
    known = ApiKey.objects.for_organization(organization).filter(pk__in=keys)
    names = {key.pk: str(key) for key in known}
    return {key: names.get(key, "A key that is gone") for key in keys}


def _moments(since: datetime, until: datetime, step: str) -> Iterable[datetime]:
    moment = since
    while moment <= until:
        yield moment
        following = moment + _one(step)
        # A day after a clock change begins at midnight again, whatever its length.
        moment = _floor(following + timedelta(hours=2), step) if step == "day" else following


def _one(step: str) -> timedelta:
    return timedelta(days=1) if step == "day" else timedelta(hours=1)


def _floor(moment: datetime, step: str) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour.replace(hour=0) if step == "day" else hour
