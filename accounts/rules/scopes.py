"""What an API key may be allowed: one scope for reading and one for writing each area of the API.

A view names its `area`; GET asks for `<area>:read`, every other method for `<area>:write`.
"""

from __future__ import annotations

READING: dict[str, str] = {
    "account": "See the organization and its settings",
    "team": "See members and invitations",
    "keys": "See API keys, without their secrets",
    "usage": "See API calls, limits and metered usage",
    "webhooks": "See webhook endpoints and deliveries",
    "audit": "Read the audit log",
    "billing": "See catalogue, orders, subscriptions and invoices",
    "licenses": "See licenses and their devices",
    "trials": "See trial workspaces",
}
WRITING: dict[str, str] = {
    "account": "Change the organization's facts and settings",
    "team": "Invite people, administrators too, change roles and remove members",
    "keys": "Make, change, rotate and revoke API keys that may do no more than this one",
    "usage": "Change what is kept of API calls",
    "webhooks": "Add, change and remove webhook endpoints, send deliveries again",
    "billing": "Place orders and cancel subscriptions",
    "licenses": "Take devices off licenses",
    "trials": "Start, cancel and buy trial workspaces: buying places an order",
}

VERIFY = "keys:verify"
VERIFY_ANY = "platform:verify"
SPECIAL: dict[str, str] = {
    VERIFY: "Verify the organization's own API keys",
    "calls:write": "Record API calls of the organization's own services",
}
"""Scopes of single endpoints. `platform:verify` is not among them: only staff may grant it."""

WORDS: dict[str, str] = {
    scope: words
    for area, reading in READING.items()
    for scope, words in ((f"{area}:read", reading), (f"{area}:write", WRITING.get(area, "")))
    if words
} | SPECIAL
"""Every scope that may be granted, area by area, with what it opens."""

GRANTABLE: frozenset[str] = frozenset(WORDS)


def held_by(may_manage: bool) -> frozenset[str]:
    """Return what a person may hand on: all that is grantable, or reading only."""
    if may_manage:
        return GRANTABLE
    return frozenset(scope for scope in GRANTABLE if scope.endswith(":read"))


def scope_for(area: str, method: str) -> str:
    """Return the scope that a request to a view of `area` needs."""
    return f"{area}:{'read' if method in ('GET', 'HEAD', 'OPTIONS') else 'write'}"
