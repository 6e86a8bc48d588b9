"""How well endpoints are reached: success rates and lines of the last two weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.utils.timezone import localdate, make_aware

from accounts.models import WebhookDelivery
from accounts.rules.deliveries import DeliveryStatus

DAYS = 14


@dataclass(frozen=True, slots=True)
class Reach:
    """Deliveries of an endpoint in two weeks: how many ended well, and a figure a day."""

    ended: int
    succeeded: int
    daily: list[int]

    @property
    def percent(self) -> str:
        return f"{100 * self.succeeded / self.ended:.1f} %" if self.ended else "-"

    @property
    def tone(self) -> str:
        if not self.ended or self.succeeded == self.ended:
            return "ok"
        return "bad" if self.succeeded * 2 < self.ended else "warn"


def reach_of(organization: Any, endpoint_ids: Sequence[UUID], at: datetime) -> dict[UUID, Reach]:
    """Return the reach of each endpoint by days of the reader's zone; one query."""
    first = localdate(at) - timedelta(days=DAYS - 1)
    well = Count("pk", filter=Q(status=DeliveryStatus.SUCCEEDED))
    rows = (
        WebhookDelivery.objects.for_organization(organization)
        .filter(
            endpoint__in=endpoint_ids, created_at__gte=make_aware(datetime.combine(first, time()))
        )
        .exclude(status=DeliveryStatus.PENDING)
        .order_by()
        .annotate(day=TruncDate("created_at"))
        .values("endpoint", "day")
        .annotate(ended=Count("pk"), succeeded=well)
    )
    days: dict[UUID, dict[Any, tuple[int, int]]] = {key: {} for key in endpoint_ids}
    for row in rows:
        days[row["endpoint"]][row["day"]] = (row["ended"], row["succeeded"])
    return {key: _reach(each, first) for key, each in days.items()}


def _reach(days: dict[Any, tuple[int, int]], first: Any) -> Reach:
    line = [days.get(first + timedelta(days=step), (0, 0)) for step in range(DAYS)]
    return Reach(
        sum(ended for ended, _ in line),
        sum(well for _, well in line),
        [well for _, well in line],
    )
