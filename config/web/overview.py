"""The figures of the overview, composed from every storey with a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db.models import Case, Count, Exists, F, OuterRef, Q, Sum, When
from django.db.models.functions import TruncMonth
from django.utils import timezone

from accounts.models import Invitation, Membership, NotificationRule, Organization
from accounts.services.factors import enrolled
from billing.models import Transaction
from config.kit.money import Money
from licensing.models import DeviceLink, License

MONTHS = 12
BILLING_ALERTS = ("payment_failed", "quota_reached")
"""Kinds of notifications that warn before money is the problem."""


@dataclass(frozen=True, slots=True)
class Safety:
    """What keeps a person and their organization from harm.

    `has_company`: somebody else could act, or was invited to. `has_billing_alert`: somebody
    decided who gets a mail or a call when money is the problem.
    """

    email_confirmed: bool
    second_factor: bool
    has_company: bool
    has_billing_alert: bool


def safety_of(membership: Membership) -> Safety:
    """One query."""
    ours = membership.organization_id
    confirmed = EmailAddress.objects.filter(user=OuterRef("user_id"), verified=True)
    members = Membership.objects.for_organization(ours)
    invited = Invitation.objects.for_organization(ours).unanswered()
    rules = NotificationRule.objects.for_organization(ours).filter(kind__in=BILLING_ALERTS)
    row = members.filter(pk=membership.pk).values_list(
        Exists(confirmed),
        enrolled("user_id"),
        Exists(members.exclude(pk=membership.pk)) | Exists(invited),
        Exists(rules.filter(Q(email=True) | Q(webhook=True))),
    )
    return Safety(*row.get())


@dataclass(frozen=True, slots=True)
class LicenseFigures:
    """`seats` counts usable licenses only, `seats_used` their devices."""

    total: int
    active: int
    seats: int
    seats_used: int
    devices: list[tuple[UUID, datetime | None]]


def license_figures(organization: Organization, at: datetime) -> LicenseFigures:
    """Two queries: the licenses, and the devices that hold a seat."""
    licenses = License.objects.for_organization(organization)
    usable = Q(pk__in=licenses.usable(at).values("pk"))
    counted = licenses.aggregate(
        total=Count("pk"),
        active=Count("pk", filter=usable),
        seats=Sum("max_devices", filter=usable, default=0),
    )
    in_use = Exists(licenses.usable(at).filter(pk=OuterRef("license")))
    devices = list(
        DeviceLink.objects.for_organization(organization)
        .active()
        .values_list("pk", "last_seen_at", in_use)
    )
    return LicenseFigures(
        **counted,
        seats_used=sum(1 for *_, counts in devices if counts),
        devices=[(key, seen) for key, seen, _ in devices],
    )


def busiest_licenses(organization: Organization, at: datetime, *, limit: int) -> list[License]:
    """Usable licenses, those with most devices first. One query."""
    licenses = License.objects.for_organization(organization).usable(at).with_usage()
    return list(licenses.select_related("product").order_by("-seats_used", "pk")[:limit])


@dataclass(frozen=True, slots=True)
class Month:
    starts_at: datetime
    spent: Money


@dataclass(frozen=True, slots=True)
class Spend:
    """What was paid less what came back, by calendar month of the person's own time zone."""

    months: list[Month]
    other_currencies: list[str]

    @property
    def this_month(self) -> Money:
        return self.months[-1].spent

    @property
    def last_month(self) -> Money:
        return self.months[-2].spent

    @property
    def total(self) -> Money:
        return Money(sum(month.spent.minor for month in self.months), self.this_month.currency)

    @property
    def words(self) -> str:
        others = f", other currencies not counted ({', '.join(self.other_currencies)})"
        return f"{self.last_month} last month{others if self.other_currencies else ''}"

    @property
    def summary(self) -> str:
        return f"{self.total} in twelve months, {self.this_month} of it this month."


def spend_by_month(organization: Organization, at: datetime) -> Spend:
    """One query: twelve months up to `at`, in the currency of the newest payment."""
    starts = _months_until(timezone.localtime(at))
    signed = Case(When(kind="payment", then=F("amount_minor")), default=-F("amount_minor"))
    rows = list(
        Transaction.objects.for_organization(organization)
        .filter(status__in=("completed", "refunded"), kind__in=("payment", "refund"))
        .filter(processed_at__gte=starts[0])
        .annotate(month=TruncMonth("processed_at"))
        .values("month", "currency")
        .annotate(minor=Sum(signed))
        .order_by("-month", "currency")
        .values_list("month", "currency", "minor")
    )
    currency = rows[0][1] if rows else "EUR"
    minor = {month: amount for month, code, amount in rows if code == currency}
    months = [Month(start, Money(minor.get(start, 0), currency)) for start in starts]
    return Spend(months, sorted({code for _, code, _ in rows} - {currency}))


def _months_until(at: datetime) -> list[datetime]:
    """Return the first instants of the last twelve calendar months, the current one last."""
    count = at.year * 12 + at.month - 1
    return [
        at.replace(
            year=month // 12, month=month % 12 + 1, day=1,
            hour=0, minute=0, second=0, microsecond=0, fold=0,
        )
        for month in range(count - MONTHS + 1, count + 1)
    ]  # fmt: skip


def spend_chart(spend: Spend) -> dict[str, Any]:
    """Return the definition that static/app/charts.js draws."""
    return {
        "x": [int(month.starts_at.timestamp()) for month in spend.months],
        "kind": "bar",
        "unit": f"money:{spend.this_month.currency}",
        "series": [{"label": "Spend", "values": [month.spent.minor for month in spend.months]}],
    }
