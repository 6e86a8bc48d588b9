"""Monthly quotas of API calls: told once when 80 and once when 100 percent are used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from accounts.models import ApiAllowance, Organization, StoredHour
from accounts.rules.calls import OWN_API
from accounts.rules.tiers import DEFAULTS
from billing import events
from billing.models import QuotaAlert
from billing.rules.metering import marks_passed
from config.kit import context


@dataclass(frozen=True, slots=True)
class Month:
    """What an organization used this month of one quota; an empty product is all it did not buy."""

    organization_id: UUID
    product: str
    used: int
    quota: int | None


def watch_quotas(*, at: datetime) -> int:
    """Alert for every mark that was passed and not told yet; return how many were told."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    known = set(
        QuotaAlert.objects.filter(month=start.date()).values_list(
            "organization_id", "product", "percent"
        )
    )
    told = 0
    for month in months(start, at):
        for percent in marks_passed(month.used, month.quota):
            if (month.organization_id, month.product, percent) not in known:
                told += alert(month, percent, start.date())
    return told


@transaction.atomic
def alert(month: Month, percent: int, first: date) -> bool:
    """Write the alert and announce it; False when it was written before. Safe to call at once."""
    row = QuotaAlert(
        organization_id=month.organization_id,
        product=month.product,
        month=first,
        percent=percent,
        used=month.used,
        quota=month.quota or 0,
    )
    with context.acting(organization_id=month.organization_id):
        QuotaAlert.objects.bulk_create([row], ignore_conflicts=True)
        if not QuotaAlert.objects.filter(pk=row.pk).exists():
            return False
        events.quota_threshold_reached.send(QuotaAlert, alert=row)
    return True


def months(start: datetime, at: datetime) -> Iterator[Month]:
    """Yield the use of every quota that was used at all since `start`. Three queries."""
    used: dict[tuple[UUID, str], int] = {}
    sums = StoredHour.objects.filter(hour__gte=start, hour__lte=at).exclude(product=OWN_API)
    rows = list(sums.values_list("organization_id", "product").annotate(Sum("billable")).order_by())
    owners = {organization_id for organization_id, *_ in rows}
    bought = {
        (row.organization_id, row.product): row.monthly_quota
        for row in ApiAllowance.objects.filter(organization_id__in=owners)
    }
    for organization_id, product, calls in rows:
        key = (organization_id, product if (organization_id, product) in bought else "")
        used[key] = used.get(key, 0) + calls
    found = Organization.objects.filter(pk__in=owners)
    tiers = dict(found.values_list("pk", "subscription_tier"))
    for (organization_id, product), calls in sorted(used.items(), key=str):
        usual = DEFAULTS[tiers[organization_id]].monthly_quota
        quota = bought.get((organization_id, product), usual)
        yield Month(organization_id, product, calls, quota)
