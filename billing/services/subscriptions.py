"""Subscriptions: begun by a paid order, ended at a period's end when the customer says so."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from billing import events
from billing.models import BillingPeriod, Invoice, InvoiceLine, OrderItem, Subscription
from billing.rules.periods import known_zone, period
from config.kit.errors import Conflict


class SubscriptionNotActive(Conflict):
    code = "subscription_not_active"
    message = "This subscription has ended."


@transaction.atomic
def activate_subscription(
    item: OrderItem, *, invoice: Invoice, time_zone: str, at: datetime
) -> Subscription:
    """Begin what was ordered, with its first period; a second call returns the same one."""
    begun = Subscription.objects.for_organization(item.organization_id).filter(order_item=item)
    existing: Subscription | None = begun.first()
    if existing is not None:
        return existing
    zone = known_zone(time_zone)
    start, end = period(at, zone, item.interval, 0)
    subscription = Subscription.objects.create(
        organization_id=item.organization_id,
        order_item=item,
        price_id=item.price_id,
        currency=item.currency,
        unit_amount_minor=item.unit_amount_minor,
        quantity=item.quantity,
        interval=item.interval,
        anchor_at=at,
        time_zone=zone,
        current_period_start=start,
        current_period_end=end,
        next_run_at=end,
    )
    BillingPeriod.objects.create(
        subscription=subscription,
        organization_id=item.organization_id,
        starts_at=start,
        ends_at=end,
        invoice=invoice,
    )
    events.subscription_activated.send(Subscription, subscription=subscription)
    return subscription


@transaction.atomic
def cancel_at_period_end(subscription: Subscription, *, at: datetime) -> Subscription:
    """Let the subscription end with the period that is paid for; saying so twice is once."""
    subscription = _lock_running(subscription)
    if not subscription.cancel_at_period_end:
        subscription.cancel_at_period_end, subscription.auto_renew = True, False
        subscription.cancelled_at = at
        subscription.save(update_fields=["cancel_at_period_end", "auto_renew", "cancelled_at"])
        events.subscription_cancelled.send(Subscription, subscription=subscription)
    return subscription


@transaction.atomic
def resume(subscription: Subscription) -> Subscription:
    """Take a cancellation back while the period still runs."""
    subscription = _lock_running(subscription)
    if subscription.cancel_at_period_end:
        subscription.cancel_at_period_end, subscription.auto_renew = False, True
        subscription.cancelled_at = None
        subscription.save(update_fields=["cancel_at_period_end", "auto_renew", "cancelled_at"])
        events.subscription_resumed.send(Subscription, subscription=subscription)
    return subscription


def _lock_running(subscription: Subscription) -> Subscription:
    locked: Subscription = Subscription.objects.select_for_update().get(pk=subscription.pk)
    if not locked.is_running:
        raise SubscriptionNotActive
    return locked


def describe_line(subscription: Subscription, line: InvoiceLine) -> None:
    """Say on a draft's line which subscription and period it is for."""
    line.subscription = subscription
    line.period_start = subscription.current_period_start
    line.period_end = subscription.current_period_end
    line.save(update_fields=["subscription", "period_start", "period_end"])
