"""What needs a person, worst first: each item says what is wrong and has one way out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse

from accounts.models import Membership, Organization
from billing.models import Invoice, PaymentAttempt
from config.web.overview import Safety
from licensing.models import License

_NOT_PAID = {PaymentAttempt.Status.FAILED, PaymentAttempt.Status.CANCELLED}
LISTED = 5
"""How many of a kind are named; the page behind the button has the rest."""


@dataclass(frozen=True, slots=True)
class Item:
    title: str
    text: str
    url: str = ""
    action: str = ""


def needs_attention(membership: Membership, safety: Safety | None, at: datetime) -> list[Item]:
    """Two queries: unpaid invoices, licenses in trouble. No `safety`: the checklist says it."""
    organization = membership.organization
    return [
        *_suspended_organization(organization),
        *_unpaid(membership),
        *_licenses(organization, at),
        *(_own_account(safety) if safety else ()),
    ]


def _suspended_organization(organization: Organization) -> Iterator[Item]:
    if not organization.is_active:
        yield Item(
            f"{organization} is suspended.", "Nothing can be bought or changed until it is not."
        )


def _unpaid(membership: Membership) -> Iterator[Item]:
    """Invoices due, and orders that wait for their payment."""
    last = PaymentAttempt.objects.filter(invoice=OuterRef("pk")).order_by("-number")
    invoices = (
        Invoice.objects.for_organization(membership.organization)
        .filter(
            Q(status=Invoice.Status.OPEN) | Q(status=Invoice.Status.DRAFT, order__status="ordered")
        )
        .annotate(outcome=Subquery(last.values("status")[:1]))
        .select_related("order")
        .order_by("due_at", "created_at")[:LISTED]
    )
    for invoice in invoices:
        said = "could not be charged." if invoice.outcome in _NOT_PAID else "is not paid yet."
        name, url = _what_and_where(invoice)
        may_pay = membership.allows("buy")
        yield Item(name, f"of {invoice.total} {said}", url if may_pay else "", "Pay")


def _what_and_where(invoice: Any) -> tuple[str, str]:
    """A draft has no number yet: a person knows it as their order."""
    if invoice.number:
        return f"Invoice {invoice.number}", reverse("invoice", args=[invoice.pk])
    return f"Order {invoice.order.number}", reverse("checkout", args=[invoice.order_id])


def _licenses(organization: Organization, at: datetime) -> Iterator[Item]:
    # A license that its subscription renews has an end every month; that needs nobody.
    renews = Q(subscription__auto_renew=True, subscription__cancel_at_period_end=False)
    ends = Q(pk__in=License.objects.for_organization(organization).expiring(at).values("pk"))
    full = Q(pk__in=License.objects.for_organization(organization).usable(at).values("pk"))
    licenses = (
        License.objects.for_organization(organization)
        .with_usage()
        .filter(
            Q(status=License.Status.SUSPENDED)
            | (ends & ~renews)
            | (full & Q(seats_used__gte=F("max_devices")))
        )
        .select_related("product")
        .order_by("expires_at", "pk")[: LISTED * 2]
    )
    for license in sorted(licenses, key=lambda each: each.status != License.Status.SUSPENDED):
        yield _license_item(license, at)


def _license_item(license: Any, at: datetime) -> Item:
    url = reverse("license", args=[license.pk])
    if license.status == License.Status.SUSPENDED:
        reason = license.get_suspended_reason_display().lower()
        return Item(f"{license.product}", f"is suspended: {reason}.", url, "Look at it")
    if license.seats_used >= license.max_devices:
        return Item(
            f"{license.product}",
            f"has no free seat: {license.seats_used} of {license.max_devices} in use.",
            url,
            "Free a seat",
        )
    days = max(0, (license.expires_at - at).days)
    when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
    return Item(f"{license.product}", f"ends {when}.", url, "Look at it")


def _own_account(safety: Safety) -> Iterator[Item]:
    if not safety.email_confirmed:
        yield Item(
            "Your e-mail address", "is not confirmed.", reverse("account_email"), "Confirm it"
        )
    if not safety.second_factor:
        yield Item(
            "Your account",
            "has no second factor: a stolen password would be enough to get in.",
            reverse("mfa_activate_totp"),
            "Set it up",
        )
