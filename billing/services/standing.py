"""What stands between a customer and the end: running subscriptions and money owed."""

from __future__ import annotations

from django.db.models import Q

from accounts.models import Organization
from billing.models import Invoice, Subscription
from config.kit.errors import Conflict


class SubscriptionRunning(Conflict):
    code = "subscription_running"
    message = "A subscription is still running. Cancel it and wait for the end of its period."


class InvoiceUnpaid(Conflict):
    code = "invoice_unpaid"
    message = "An invoice is not paid yet. Pay it, or cancel the order it belongs to."


def require_nothing_open(organization: Organization) -> None:
    """Raise unless every subscription has ended and nothing is owed. Two queries."""
    ended = (Subscription.Status.CANCELLED, Subscription.Status.ENDED)
    if Subscription.objects.for_organization(organization).exclude(status__in=ended).exists():
        raise SubscriptionRunning
    # The invoice of an order that waits for its payment is a draft: it can still be charged.
    owed = Q(status=Invoice.Status.OPEN) | Q(status=Invoice.Status.DRAFT, order__status="ordered")
    if Invoice.objects.for_organization(organization).filter(owed).exists():
        raise InvoiceUnpaid
