"""The billing overview: what is due, what runs, what was billed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.models import Organization
from accounts.web.access import member_required
from billing.models import BillingProfile, Invoice, Order, SavedCard, Subscription
from billing.services.customers import profile_of
from billing.services.purchases import Stage, purchase_of, purchases
from billing.services.quotes import quote
from billing.services.usage import month_of
from billing.web.people import country_name
from config.kit.money import Money

LATEST = 5
ORDERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Charge:
    """The next charge of a subscription; `total` is with VAT as it is today."""

    subscription: Subscription
    at: datetime
    total: Money


@require_GET
@member_required()
def billing(request: Any) -> HttpResponse:
    """Unpaid first, then what is charged next, then what was."""
    organization, at = request.organization, timezone.now()
    profile = profile_of(organization)
    rows = Subscription.objects.for_organization(organization).select_related("price__product")
    subscriptions = sorted(rows, key=lambda each: not each.is_running)
    charges = next_charges(subscriptions, profile)
    invoices = Invoice.objects.for_organization(organization).finalised()
    unpaid = list(invoices.filter(status=Invoice.Status.OPEN).order_by("due_at", "id"))
    facts = {
        "attention": list(_attention(organization, unpaid, subscriptions)),
        "profile": profile,
        "country": country_name(profile.country),
        "subscriptions": subscriptions,
        "running": sum(each.is_running for each in subscriptions),
        "charges": charges,
        "unpaid": _sum([each.total for each in unpaid], profile.currency),
        "month": month_to_date(organization, profile.currency, at),
        "latest": invoices[:LATEST],
        "usage": month_of(organization, at),
        "unpaid_words": f"{len(unpaid)} invoice{'' if len(unpaid) == 1 else 's'}",
        **_card(organization),
    }
    return render(request, "billing/overview.html", facts)


def _card(organization: Organization) -> dict[str, str]:
    card = SavedCard.objects.for_organization(organization).filter(is_default=True).first()
    if card is None:
        return {}
    expiry = f"Expires {card.exp_month:02d}/{card.exp_year}, kept by the payment provider"
    return {"card_name": str(card), "card_expiry": expiry}


def next_charges(subscriptions: Sequence[Subscription], profile: BillingProfile) -> list[Charge]:
    """What will be charged when the current periods end, soonest first."""
    renewing = [each for each in subscriptions if each.is_running and each.auto_renew]
    charges = [
        Charge(each, each.current_period_end, next_total(each, profile)) for each in renewing
    ]
    return sorted(charges, key=lambda charge: charge.at)


def next_total(subscription: Subscription, profile: BillingProfile) -> Money:
    """One interval with VAT, at the rate of the day it will be charged."""
    net: Money = subscription.amount
    if not profile.country:
        return net
    return quote(profile, net, subscription.current_period_end).total


def month_to_date(organization: Organization, currency: str, at: datetime) -> Money:
    """What was invoiced since the first of the month, in the reader's time zone."""
    local = timezone.localtime(at)
    start = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    invoices = Invoice.objects.for_organization(organization).finalised()
    billed = invoices.filter(issued_at__gte=start, currency=currency).exclude(status="void")
    return Money(billed.aggregate(total=Sum("total_minor", default=0))["total"], currency)


def _attention(
    organization: Organization, unpaid: Sequence[Invoice], subscriptions: Sequence[Subscription]
) -> Iterator[dict[str, str]]:
    for invoice in unpaid:
        yield {
            "title": f"Invoice {invoice.number} is not paid.",
            "text": f"{invoice.total} is due.",
            "url": reverse("invoice", args=[invoice.pk]),
            "action": "Look at it",
        }
    for subscription in subscriptions:
        if subscription.status == Subscription.Status.PAST_DUE:
            yield {
                "title": f"{subscription.price.product} could not be renewed.",
                "text": "The last charge failed.",
                "url": reverse("subscription", args=[subscription.pk]),
                "action": "Look at it",
            }
    waiting = purchases(organization).filter(status=Order.Status.ORDERED)
    for order in waiting.order_by("-placed_at", "-id")[:ORDERS_SHOWN]:
        yield _waiting(order)


def _waiting(order: Order) -> dict[str, str]:
    purchase = purchase_of(order)
    names = ", ".join(str(item) for item in order.items.all())
    said, action = {
        Stage.OPEN: ("is not paid yet.", "Pay"),
        Stage.FAILED: ("was not paid.", "Try again"),
    }.get(purchase.stage, ("waits for its payment.", "Look at it"))
    total = purchase.invoice.total if purchase.invoice else order.total
    return {
        "title": f"Order {order.number} {said}",
        "text": f"{names}, {total}.",
        "url": reverse("checkout", args=[order.pk]),
        "action": action,
    }


def _sum(amounts: Sequence[Money], currency: str) -> Money:
    """Add what is in the customer's currency; anything else is an older one's rest."""
    mine = (amount.minor for amount in amounts if amount.currency == currency)
    return Money(sum(mine), currency)
