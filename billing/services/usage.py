"""Metered use of a month as it is booked: by product, with what it costs so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Max, Sum

from accounts.models import Organization
from billing.models import UsageRecord


@dataclass(frozen=True, slots=True)
class Line:
    """One product of one feature in one currency; `cost` is exact and not rounded yet."""

    feature_type: str
    product: str
    currency: str
    requests: int
    tokens: int
    cost: Decimal

    @property
    def cost_minor(self) -> int:
        """The cost as it would stand on an invoice today: rounded half up, once."""
        return int((self.cost * 100).quantize(Decimal(1), rounding="ROUND_HALF_UP"))


@dataclass(frozen=True, slots=True)
class BookedMonth:
    """A calendar month in UTC; `booked_until` is the end of the last hour with use in it."""

    starts_at: datetime
    ends_at: datetime
    lines: list[Line]
    booked_until: datetime | None


def month_of(organization: Organization, at: datetime) -> BookedMonth:
    """Return what is booked of the month that `at` lies in. Two queries."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    rows = UsageRecord.objects.for_organization(organization).filter(
        period_start__gte=start, period_start__lt=end
    )
    sums = rows.values_list("feature_type", "product", "currency").annotate(
        Sum("request_count"), Sum("total_tokens"), Sum("total_cost")
    )
    lines = [Line(*row) for row in sums.order_by("feature_type", "product", "currency")]
    until = rows.aggregate(until=Max("period_end"))["until"]
    return BookedMonth(start, end, lines, until)
