"""How often and how much: sliding windows a minute, quotas a month, and what they are.

Counted in Redis in one step, so that of any number of calls at once exactly the limit passes.
When Redis is away every call passes and the line to it says so in the log: a limit protects the
house from too much, and is not worth closing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from uuid import UUID

from django.db import transaction

from accounts import events
from accounts.gateways import key_cache
from accounts.gateways.key_cache import Rate
from accounts.models import ApiAllowance, Organization
from accounts.rules.tiers import UNBOUGHT, Tier, rank
from accounts.services.calls import used_this_month
from accounts.services.keys.publishing import publish_organization_after_commit
from config.kit.errors import TooManyRequests
from config.kit.scripts import CacheAway


@dataclass(frozen=True, slots=True)
class Allowance:
    """What was bought of one product, or is being tried: a tier with its limits.

    `bought` is the tier and the rate bought of what a trial gives more of.
    """

    tier: str
    requests_per_minute: int
    monthly_quota: int | None
    bought: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """An organization's month with one product, or with all it did not buy apart (empty slug).

    `used` is None where there is no counter: Redis is away or has lost it, or the month is new.
    What is shown is `calls.quotas`' answer, which knows the stored calls as well.
    """

    product: str
    tier: str
    requests_per_minute: int
    limit: int | None
    used: int | None


def take(who: str, *, limit: int, at: datetime, cost: int = 1) -> Rate | None:
    """Count `cost` calls of `who` against `limit` a minute; None when Redis is away."""
    try:
        return key_cache.take(who, limit=limit, now=at.timestamp(), cost=cost)
    except CacheAway:
        return None


def require(rate: Rate | None) -> None:
    """Raise `TooManyRequests` when the limit is passed."""
    if rate is not None and not rate.passed:
        raise TooManyRequests(limit=rate.limit, retry_after=max(1, rate.retry_after))


def month_of(at: datetime) -> str:
    """Name a month as the counters do; months are those of UTC."""
    return f"{at.year}{at.month:02}"


def month_end(at: datetime) -> datetime:
    """Return when the month's quota begins anew."""
    return _end_of(at.year, at.month)


@lru_cache(maxsize=4)
def _end_of(year: int, month: int) -> datetime:
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def counter_of(organization_id: UUID, product: str, at: datetime) -> str:
    return f"quota:{organization_id}:{product or '-'}:{month_of(at)}"


def quotas_of(organization: Organization, at: datetime) -> list[Quota]:
    """Return the organization's limits and use this month, all products first."""
    free = Allowance(Tier.FREE.value, UNBOUGHT.requests_per_minute, UNBOUGHT.monthly_quota)
    known = {"": free}
    for row in ApiAllowance.objects.for_organization(organization).order_by("product"):
        known[row.product] = Allowance(row.tier, row.requests_per_minute, row.monthly_quota)
    names = [counter_of(organization.pk, product, at) for product in known]
    try:
        counts = key_cache.read_counters(names)
    except CacheAway:
        counts = [None] * len(names)
    return [
        Quota(product, each.tier, each.requests_per_minute, each.monthly_quota, used)
        for (product, each), used in zip(known.items(), counts, strict=True)
    ]


@transaction.atomic
def set_allowances(
    organization: Organization,
    bought: Mapping[str, Allowance],
    *,
    at: datetime,
    tried: Mapping[str, Allowance] | None = None,
) -> None:
    """Store what the organization has bought of each product, by slug; nothing else is left.

    What it tries takes the place of what it bought of the same product, and has that in it. The organization's tier
    becomes the best of what was bought, free without any: only the keys of a trial have its tier.
    """
    usable = {**bought, **(tried or {})}
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    rows = {row.product: row for row in ApiAllowance.objects.for_organization(organization)}
    gone = rows.keys() - usable.keys()
    for product in gone:
        rows[product].delete()
    for product, each in usable.items():
        _store(organization, product, each, rows.get(product), at)
    tier = max((each.tier for each in bought.values()), key=rank, default=str(Tier.FREE))
    if organization.subscription_tier != tier or gone:
        # A row that is gone leaves no trace but the moment at which its owner was changed.
        organization.subscription_tier, organization.updated_at = tier, at
        organization.save(update_fields=["subscription_tier", "updated_at"])
    publish_organization_after_commit(organization.pk)
    if apart := (rows.keys() ^ usable.keys()) - {""}:
        # What counted with all others counts by itself now, or the other way round.
        moved = [counter_of(organization.pk, product, at) for product in ("", *apart)]
        transaction.on_commit(partial(_begin_anew, moved), robust=True)
    events.api_limits_changed.send(Organization, organization=organization)


def _store(
    organization: Organization,
    product: str,
    each: Allowance,
    row: ApiAllowance | None,
    at: datetime,
) -> None:
    row = row or ApiAllowance(organization=organization, product=product, since=at)
    bought_tier, bought_rate = each.bought or ("", None)
    wanted = {
        "tier": each.tier,
        "requests_per_minute": each.requests_per_minute,
        "monthly_quota": each.monthly_quota,
        "bought_tier": bought_tier,
        "bought_per_minute": bought_rate,
    }
    if row.grants(wanted):
        return
    for name, value in wanted.items():
        setattr(row, name, value)
    row.save()


def _begin_anew(counters: Sequence[str]) -> None:
    """Let counters be begun from the stored calls; those still on the stream are not among them."""
    with suppress(CacheAway):
        key_cache.forget_counters(counters)


def restore_counter(counter: str, organization_id: UUID, at: datetime) -> None:
    """Begin a counter that Redis lost, or a new month's, with what is known to be used."""
    product = counter.split(":")[2]
    used = used_this_month(organization_id, "" if product == "-" else product, at)
    key_cache.seed_quota(counter, used)
