"""Monthly quotas of API calls: told once when 80 and once when 100 percent are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.db.models import Q

from accounts.models import ApiAllowance, Organization
from accounts.rules.calls import OWN_API
from accounts.rules.tiers import UNBOUGHT
from billing import events
from billing.models import QuotaAlert, Subscription
from billing.rules.metering import MARKS, marks_passed
from config.kit import context

logger = structlog.get_logger(__name__)
LATE = timedelta(hours=25)
"""How long after its end a month is watched: calls are reported up to a day late, then written."""

_NEAR = """
WITH used AS (
    SELECT calls.organization_id, coalesce(bought.product, '') AS product,
           sum(calls.billable) AS calls
      FROM series.api_calls_hourly calls
      LEFT JOIN accounts_apiallowance bought USING (organization_id, product)
     WHERE calls.hour >= %(since)s AND calls.hour <= %(until)s AND calls.product <> %(own)s
     GROUP BY calls.organization_id, coalesce(bought.product, '')
), quotas AS (
    SELECT organization_id, product, used.calls,
           CASE WHEN bought.id IS NULL THEN %(free)s ELSE bought.monthly_quota END AS quota
      FROM used LEFT JOIN accounts_apiallowance bought USING (organization_id, product)
)
SELECT organization_id, product, calls, quota FROM quotas
 WHERE calls * 100 >= quota * %(least)s ORDER BY organization_id, product
"""


@dataclass(frozen=True, slots=True)
class Month:
    """What an organization used this month of one quota; an empty product is all it did not buy."""

    organization_id: UUID
    product: str
    used: int
    quota: int | None


def watch_quotas(*, at: datetime) -> int:
    """Alert for every mark that was passed and not told yet; return how many were told.

    During its first day the former month is watched too.
    """
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    told = _tell(start, months(start, at))
    if at - start < LATE:
        former = (start - timedelta(days=1)).replace(day=1)
        told += _tell(former, _unchanged(months(former, start - timedelta(microseconds=1)), start))
    return told


def _tell(start: datetime, found: Iterable[Month]) -> int:
    known = set(
        QuotaAlert.objects.filter(month=start.date()).values_list(
            "organization_id", "product", "percent", "quota"
        )
    )
    told = 0
    for month in found:
        for percent in marks_passed(month.used, month.quota):
            if (month.organization_id, month.product, percent, month.quota) not in known:
                told += _try_alert(month, percent, start.date())
    return told


def _try_alert(month: Month, percent: int, first: date) -> bool:
    try:
        return alert(month, percent, first)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        # The boundary: one organization that cannot be told must not silence the others.
        if not connection.is_usable():
            raise
        logger.exception("quota.not_told", organization_id=str(month.organization_id))
        return False


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


def months(start: datetime, until: datetime) -> Iterator[Month]:
    """Yield every quota that calls from `start` to `until` have brought near its end."""
    values: dict[str, Any] = {
        "since": start,
        "until": until,
        "own": OWN_API,
        "free": UNBOUGHT.monthly_quota,
        "least": MARKS[0],
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEAR, values)
        for organization_id, product, used, quota in cursor.fetchall():
            yield Month(organization_id, product, int(used), quota)


def _unchanged(found: Iterable[Month], since: datetime) -> list[Month]:
    """Leave out whose limits may have changed since the month: what it allowed is not known now."""
    found = list(found)
    owners = {month.organization_id for month in found}
    plans = Subscription.objects.filter(Q(anchor_at__gte=since) | Q(ended_at__gte=since))
    allowances = ApiAllowance.objects.filter(updated_at__gte=since)
    changed = {
        *plans.filter(organization_id__in=owners).values_list("organization_id", flat=True),
        *allowances.filter(organization_id__in=owners).values_list("organization_id", flat=True),
        *Organization.objects.filter(pk__in=owners, updated_at__gte=since).values_list(
            "pk", flat=True
        ),
    }
    return [month for month in found if month.organization_id not in changed]
