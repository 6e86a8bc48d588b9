"""What the ground floor tells webhooks of: members, API keys, notifications, usage, a test."""

from __future__ import annotations

from accounts.rules.event_types import TEST, EventType

_AT = "2026-11-21T09:30:00.000000Z"
_MEMBER = {
    "user": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e11",
    "organization": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e12",
    "email": "bob@northwind.example",
    "role": "member",
}
_KEY = {
    "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e13",
    "name": "Billing export",
    "prefix": "sw_live_3kTq9ZpA",
    "environment": "live",
    "scopes": ["billing:read"],
    "tier": "pro",
    "status": "active",
    "expires_at": _AT,
}
_KEY_CHANGES = {
    "issued": "A key was created.",
    "confirmed": "A key that waited for confirmation may be used.",
    "updated": "A key's name, scopes or limits changed.",
    "disabled": "A key was switched off.",
    "enabled": "A key was switched on again.",
    "rotated": "A key got a successor; both work during the overlap.",
    "revoked": "A key was ended for good.",
}

EVENTS: tuple[EventType, ...] = (
    EventType(
        TEST,
        "Sent when somebody asks for a test message; nothing happened.",
        {
            "endpoint": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e10",
            "message": "It works: this is what a webhook of Switchyard looks like.",
            "sent_at": _AT,
        },
    ),
    EventType("member.joined", "Somebody became a member of the organization.", _MEMBER),
    EventType(
        "member.role_changed", "A member has another role.", _MEMBER | {"former_role": "readonly"}
    ),
    EventType("member.removed", "A member left or was removed.", _MEMBER),
    *(
        EventType(f"api_key.{change}", text, _KEY, ("expires_at",))
        for change, text in _KEY_CHANGES.items()
    ),
    EventType(
        "notification.created",
        "People were told something; only for kinds whose rule says so.",
        {
            "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e14",
            "kind": "payment_failed",
            "severity": "critical",
            "title": "A payment failed",
            "text": "The card was declined.",
            "path": "/billing/",
            "created_at": _AT,
        },
    ),
    EventType(
        "usage.threshold_reached",
        "Usage of a metered product passed 80 or 100 percent of the month's quota.",
        {
            "product": "maps-api",
            "percent": 80,
            "used": 80000,
            "limit": 100000,
            "period": "2026-11",
        },
    ),
)  # fmt: skip
