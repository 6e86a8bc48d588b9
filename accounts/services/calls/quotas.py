"""An organization's limits as it sees them: what is used, how near, and when it begins anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Organization
from accounts.services.calls.usage import used_this_month
from accounts.services.limits import Quota, month_end, quotas_of

NEAR, FULL = 80, 100


@dataclass(frozen=True, slots=True)
class Limit:
    """One quota; `percent` is None without a quota. `state` is ok, near (80 %) or full."""

    product: str
    tier: str
    requests_per_minute: int
    limit: int | None
    used: int
    resets_at: datetime

    @property
    def percent(self) -> float | None:
        if self.limit is None:
            return None
        return round(100 * self.used / self.limit, 1) if self.limit else 100.0

    @property
    def state(self) -> str:
        percent = self.percent or 0
        return "full" if percent >= FULL else "near" if percent >= NEAR else "ok"


def limits_of(organization: Organization, at: datetime) -> list[Limit]:
    """Return all limits, those nearest to their end first.

    The live counter of the checks tells what is used; the hourly sums do where it is not there.
    """
    limits = [_limit(organization, quota, at) for quota in quotas_of(organization, at)]
    return sorted(limits, key=lambda each: (-(each.percent or 0), each.product))


def main_limit_of(organization: Organization, at: datetime) -> Limit:
    """Return the limit of all products that have none of their own."""
    return _limit(organization, quotas_of(organization, at)[0], at)


def _limit(organization: Organization, quota: Quota, at: datetime) -> Limit:
    used = quota.used
    if used is None:
        used = used_this_month(organization.pk, quota.product, at)
    return Limit(
        product=quota.product,
        tier=quota.tier,
        requests_per_minute=quota.requests_per_minute,
        limit=quota.limit,
        used=used,
        resets_at=month_end(at),
    )
