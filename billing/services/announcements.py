"""How billing's happenings are told: to webhooks in stable shapes, to people in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.timezone import now

from accounts.rules.event_types import written
from accounts.services.notifications import notify
from accounts.services.webhooks import announce
from billing.models import Invoice, Order, PaymentAttempt, QuotaAlert, Subscription


def invoice_paid(invoice: Invoice) -> None:
    announce(invoice.organization_id, "invoice.paid", _invoice(invoice))
    if invoice.order is not None:
        announce(invoice.organization_id, "order.paid", _order(invoice.order, invoice))
    notify(
        invoice.organization_id,
        "invoice_paid",
        title=f"Invoice {invoice.number} is paid",
        text=f"We received {invoice.total.written('en')}.",
        url=f"/billing/invoices/{invoice.pk}/",
        source=f"invoice_paid:{invoice.pk}",
    )


def payment_failed(attempt: PaymentAttempt) -> None:
    announce(
        attempt.organization_id,
        "payment.failed",
        {
            "id": str(attempt.pk),
            "invoice": str(attempt.invoice_id),
            "amount_minor": attempt.amount_minor,
            "currency": attempt.currency,
            "method": str(attempt.method),
            "decline_code": attempt.decline_code or "",
        },
    )
    notify(
        attempt.organization_id,
        "payment_failed",
        title="A payment failed",
        text=f"{attempt.amount.written('en')} could not be collected. Nothing was charged.",
        url="/billing/",
        severity="critical",
        source=f"payment_failed:{attempt.pk}",
    )


def subscription_changed(subscription: Subscription, *, change: str) -> None:
    """Tell that it was activated, cancelled, resumed or ended."""
    announce(subscription.organization_id, f"subscription.{change}", _subscription(subscription))
    if change == "ended":
        notify(
            subscription.organization_id,
            "subscription_ended",
            title=f"{subscription.price.product.name} has ended",
            text="Its subscription has run out; what it provided is no longer available.",
            url=f"/billing/subscriptions/{subscription.pk}/",
            severity="warning",
            source=f"subscription_ended:{subscription.pk}",
        )


def _invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": str(invoice.pk),
        "number": invoice.number,
        "status": str(invoice.status),
        "order": str(invoice.order_id) if invoice.order_id else None,
        "currency": invoice.currency,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
        "total_minor": invoice.total_minor,
        "issued_at": _written(invoice.issued_at),
        "paid_at": _written(invoice.paid_at),
    }


def _order(order: Order, invoice: Invoice) -> dict[str, Any]:
    return {
        "id": str(order.pk),
        "number": order.number,
        "status": str(order.status),
        "currency": order.currency,
        "total_minor": order.total_minor,
        "invoice": str(invoice.pk),
        "placed_at": written(order.placed_at),
        "completed_at": _written(order.completed_at),
    }


def _subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": str(subscription.pk),
        "status": str(subscription.status),
        "product": subscription.price.product.slug,
        "interval": str(subscription.interval),
        "quantity": subscription.quantity,
        "currency": subscription.currency,
        "unit_amount_minor": subscription.unit_amount_minor,
        "current_period_start": written(subscription.current_period_start),
        "current_period_end": written(subscription.current_period_end),
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "ended_at": _written(subscription.ended_at),
    }


def _written(at: datetime | None) -> str | None:
    return written(at) if at is not None else None


def quota_reached(alert: QuotaAlert) -> None:
    announce(
        alert.organization_id,
        "usage.threshold_reached",
        {
            "product": alert.product,
            "percent": alert.percent,
            "used": alert.used,
            "limit": alert.quota,
            "period": f"{alert.month:%Y-%m}",
        },
    )
    what = f"calls of {alert.product}" if alert.product else "API calls"
    is_over = alert.month < now().date().replace(day=1)
    when = f"{alert.month:%B}'s" if is_over else "this month's"
    effect = (
        "Calls that were reported late are in it."
        if is_over
        else "Further calls are answered USAGE_EXCEEDED until the month ends or the plan grows."
        if alert.percent == 100
        else "At 100 percent further calls are refused until the month ends."
    )
    notify(
        alert.organization_id,
        "quota_reached",
        title=f"{alert.percent} % of {when} {what} are used",
        text=f"{alert.used:,} of {alert.quota:,}. {effect}",
        url="/usage/",
        severity="critical" if alert.percent == 100 else "warning",
        source=(
            f"quota:{alert.organization_id}:{alert.product}:{alert.month}:{alert.percent}"
            f":{alert.quota}"
        ),
    )
