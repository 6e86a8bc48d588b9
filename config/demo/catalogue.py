"""What the demo company's supplier sells: three license plans, monthly and yearly."""

from __future__ import annotations

from typing import Any

from billing.services.catalog import publish_product, set_price
from config.kit.money import Money

_PLANS: list[dict[str, Any]] = [
    {
        "slug": "fleet-remote-solo",
        "sku": "FR-SOLO",
        "name": "Fleet Remote Solo",
        "description": "Remote access for one technician and the machines on the desk.",
        "features": ["2 devices", "Unattended access", "E-mail support"],
        "grants": {"max_devices": 2, "plan": "solo"},
        "monthly": 900,
        "yearly": 9000,
    },
    {
        "slug": "fleet-remote-team",
        "sku": "FR-TEAM",
        "name": "Fleet Remote Team",
        "description": "Remote access for a service team and the plants it looks after.",
        "features": ["10 devices", "Unattended access", "Session notes", "Support in 8 hours"],
        "grants": {"max_devices": 10, "plan": "team", "trial": {"days": 14}},
        "monthly": 3900,
        "yearly": 39000,
    },
    {
        "slug": "fleet-remote-plant",
        "sku": "FR-PLANT",
        "name": "Fleet Remote Plant",
        "description": "Every machine of a plant, with single sign-on and a named contact.",
        "features": ["50 devices", "Single sign-on", "Audit export", "Support in 1 hour"],
        "grants": {"max_devices": 50, "plan": "plant"},
        "monthly": 14900,
        "yearly": 149000,
    },
]


def fill_catalogue() -> int:
    """Put the plans on sale in euros; repeatable. Returns how many there are."""
    for order, plan in enumerate(_PLANS):
        fields = {name: value for name, value in plan.items() if name not in ("monthly", "yearly")}
        product = publish_product(
            fields.pop("slug"), kind="license", category="Remote access", sort_order=order, **fields
        )
        for interval in ("monthly", "yearly"):
            set_price(product, interval=interval, unit_amount=Money(plan[interval], "EUR"))
    return len(_PLANS)
