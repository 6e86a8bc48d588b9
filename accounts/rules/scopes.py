"""What an API key may be allowed: one scope for reading and one for writing each area of the API.

A view names its `area`; GET asks for `<area>:read`, every other method for `<area>:write`.
"""

from __future__ import annotations

AREAS: dict[str, str] = {
    "account": "The organization and its settings",
    "team": "Members and invitations",
    "keys": "API keys",
    "usage": "API calls, limits and metered usage",
    "webhooks": "Webhook endpoints and deliveries",
    "audit": "The audit log",
    "billing": "Catalogue, orders, subscriptions and invoices",
    "licenses": "Licenses and their devices",
    "trials": "Trial workspaces",
}

VERIFY = "keys:verify"
VERIFY_ANY = "platform:verify"
SPECIAL: dict[str, str] = {
    VERIFY: "Verify the organization's own API keys",
    "calls:write": "Record API calls of the organization's own services",
}
"""Scopes of single endpoints. `platform:verify` is not among them: only staff may grant it."""

GRANTABLE: frozenset[str] = frozenset(SPECIAL) | {
    f"{area}:{verb}" for area in AREAS for verb in ("read", "write")
}


def held_by(may_manage: bool) -> frozenset[str]:
    """Return what a person may hand on: all that is grantable, or reading only."""
    if may_manage:
        return GRANTABLE
    return frozenset(scope for scope in GRANTABLE if scope.endswith(":read"))


def scope_for(area: str, method: str) -> str:
    """Return the scope that a request to a view of `area` needs."""
    return f"{area}:{'read' if method in ('GET', 'HEAD', 'OPTIONS') else 'write'}"
