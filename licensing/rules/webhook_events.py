"""What licensing tells webhooks of: licenses, their devices, trials."""

from __future__ import annotations

from accounts.rules.event_types import EventType

_AT = "2026-11-21T09:30:00.000000Z"
_END = "2027-11-21T09:30:00.000000Z"
_LICENSE = {
    "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e31",
    "product": "cad-suite",
    "plan": "team",
    "display_key": "7QX2MK",
    "status": "active",
    "suspended_reason": "",
    "max_devices": 5,
    "starts_at": _AT,
    "expires_at": _END,
    "subscription": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e23",
}
_DEVICE = {
    "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e32",
    "license": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e31",
    "device_id": "desk-1",
    "name": "Desk 1",
    "platform": "linux",
    "activated_at": _AT,
    "deactivated_at": _AT,
}
_TRIAL = {
    "id": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e33",
    "product": "cad-suite",
    "name": "CAD lab",
    "slug": "cad-lab",
    "tier": "standard",
    "status": "active",
    "expires_at": _END,
    "license": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e31",
    "subscription": "01937f5e-8a00-7c3a-9b1e-3f2a6c1d0e23",
}
_TRIAL_CHANGES = {
    "started": "A product is being tried; a license of the trial may follow.",
    "expired": "A trial has ended; its keys and license have stopped.",
    "cancelled": "A trial was cancelled.",
    "converted": "A trial was bought; its keys and license go on.",
}
_LICENSE_CHANGES = {
    "issued": "A license exists and may be used.",
    "suspended": "A license is on hold; its devices are refused.",
    "reinstated": "A license may be used again.",
    "expired": "A license has ended with its subscription.",
    "revoked": "A license was ended for good.",
}

EVENTS: tuple[EventType, ...] = (
    *(
        EventType(f"license.{change}", text, _LICENSE, ("expires_at", "subscription"))
        for change, text in _LICENSE_CHANGES.items()
    ),
    EventType("device.activated", "A device took a seat.", _DEVICE, ("deactivated_at",)),
    EventType("device.deactivated", "A device's seat is free.", _DEVICE, ("deactivated_at",)),
    *(
        EventType(f"trial.{change}", text, _TRIAL, ("license", "subscription"))
        for change, text in _TRIAL_CHANGES.items()
    ),
)
