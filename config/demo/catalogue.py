"""What the demo company's supplier sells: license plans and API plans, monthly and yearly."""

from __future__ import annotations

from typing import Any

from billing.services.catalog import publish_product, set_price
from config.kit.money import Money

TELEMETRY, HISTORY_API = "fleet-telemetry", "machine-history"

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
    {
        "slug": "fleet-insight",
        "sku": "FI-TEAM",
        "name": "Fleet Insight",
        "description": "Reports on uptime, causes of standstill and service history.",
        "features": ["5 dashboards", "Export to CSV", "14 days to try"],
        "grants": {"max_devices": 5, "plan": "insight", "trial": {"days": 14}},
        "monthly": 2400,
        "yearly": 24000,
    },
]
# The slug of a plan is the name that calls of its API are recorded and priced under. Nobody buys
# the free tier: it is what every organization has.
_API_PLANS: list[dict[str, Any]] = [
    {
        "slug": TELEMETRY,
        "sku": "FT-PRO",
        "name": "Fleet Telemetry Pro",
        "description": "Live data of your machines by REST. Free: 10,000 calls a month.",
        "features": ["60,000 calls a month", "600 a minute for each key", "0.40 EUR per thousand"],
        "grants": {
            "tier": "pro",
            "requests_per_minute": 600,
            "monthly_quota": 60_000,
            "product": TELEMETRY,
        },
        "specs": {"price_per_thousand": {"EUR": "0.40"}},
        "monthly": 2900,
        "yearly": 29000,
    },
    {
        "slug": "fleet-telemetry-enterprise",
        "sku": "FT-ENT",
        "name": "Fleet Telemetry Enterprise",
        "description": "The same data for a whole group of plants, without a monthly limit.",
        "features": ["No monthly limit", "6,000 a minute for each key", "Support in 1 hour"],
        "grants": {
            "tier": "enterprise",
            "requests_per_minute": 6_000,
            "monthly_quota": None,
            "product": TELEMETRY,
        },
        "monthly": 49000,
        "yearly": 490000,
    },
    {
        "slug": HISTORY_API,
        "sku": "MH-PRO",
        "name": "Machine History Pro",
        "description": "Ten years of measurements, asked for by time and machine.",
        "features": ["500,000 calls a month", "600 a minute for each key", "0.25 EUR per thousand"],
        "grants": {"tier": "pro", "monthly_quota": 500_000, "product": HISTORY_API},
        "specs": {"price_per_thousand": {"EUR": "0.25"}},
        "monthly": 3900,
        "yearly": 39000,
    },
]


def fill_catalogue() -> int:
    """Put the plans on sale in euros; repeatable. Returns how many there are."""
    for order, plan in enumerate(_PLANS):
        _sell(plan, kind="license", category="Remote access", sort_order=order)
    for order, plan in enumerate(_API_PLANS):
        _sell(plan, kind="api", category="Data", sort_order=order)
    return len(_PLANS) + len(_API_PLANS)


def _sell(plan: dict[str, Any], **facts: Any) -> None:
    fields = {name: value for name, value in plan.items() if name not in ("monthly", "yearly")}
    product = publish_product(fields.pop("slug"), **facts, **fields)
    for interval in ("monthly", "yearly"):
        set_price(product, interval=interval, unit_amount=Money(plan[interval], "EUR"))
