"""What billing tells webhooks of: orders, invoices, payments, subscriptions."""

from __future__ import annotations

from accounts.rules.event_types import EventType

_AT = "2026-11-21T09:30:00.000000Z"
_END = "2026-12-21T09:30:00.000000Z"
_INVOICE = {
    "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e21",
    "number": "INV-2026-000042",
    "status": "paid",
    "order": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e22",
    "currency": "EUR",
    "net_minor": 4900,
    "tax_minor": 931,
    "total_minor": 5831,
    "issued_at": _AT,
    "paid_at": _AT,
}
_SUBSCRIPTION = {
    "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e23",
    "status": "active",
    "product": "cad-suite",
    "interval": "monthly",
    "quantity": 1,
    "currency": "EUR",
    "unit_amount_minor": 4900,
    "current_period_start": _AT,
    "current_period_end": _END,
    "cancel_at_period_end": False,
    "ended_at": _END,
}

EVENTS: tuple[EventType, ...] = (
    EventType(
        "order.paid",
        "An order is paid for; what it holds is being provided.",
        {
            "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e22",
            "number": "O-2026-000042",
            "status": "completed",
            "currency": "EUR",
            "total_minor": 5831,
            "invoice": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e21",
            "placed_at": _AT,
            "completed_at": _AT,
        },
        ("completed_at",),
    ),
    EventType(
        "invoice.paid", "An invoice is paid in full.", _INVOICE,
        ("number", "order", "issued_at", "paid_at"),
    ),
    EventType(
        "payment.failed",
        "A payment was declined or given up; no money moved.",
        {
            "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e24",
            "invoice": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e21",
            "amount_minor": 5831,
            "currency": "EUR",
            "method": "saved_card",
            "decline_code": "insufficient_funds",
        },
    ),
    *(
        EventType(f"subscription.{change}", text, _SUBSCRIPTION, ("ended_at",))
        for change, text in (
            ("activated", "A subscription began."),
            ("cancelled", "A subscription will end with the period that is paid for."),
            ("resumed", "A cancellation was taken back."),
            ("ended", "A subscription has ended; its product is no longer provided."),
        )
    ),
)  # fmt: skip
