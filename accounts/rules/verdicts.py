"""What a check of an API key says, and why: the same words for programs, pages and caches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from accounts.rules.addresses import is_inside
from accounts.rules.tiers import DEFAULTS, UNBOUGHT, Limits, Tier, lower


class Code(StrEnum):
    VALID = "VALID"
    NOT_FOUND = "NOT_FOUND"
    ORGANIZATION_SUSPENDED = "ORGANIZATION_SUSPENDED"
    REVOKED = "REVOKED"
    DISABLED = "DISABLED"
    PENDING_VERIFICATION = "PENDING_VERIFICATION"
    EXPIRED = "EXPIRED"
    FORBIDDEN = "FORBIDDEN"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    RATE_LIMITED = "RATE_LIMITED"
    USAGE_EXCEEDED = "USAGE_EXCEEDED"


DETAILS: dict[Code, str] = {
    Code.VALID: "The key may be used.",
    Code.NOT_FOUND: "No key of yours reads like this.",
    Code.ORGANIZATION_SUSPENDED: "The organization of this key is suspended or closed.",
    Code.REVOKED: "The key was revoked, or replaced by another.",
    Code.DISABLED: "The key is switched off.",
    Code.PENDING_VERIFICATION: "The key waits for a person to confirm it.",
    Code.EXPIRED: "The key has expired.",
    Code.FORBIDDEN: "The key may not be used from this address.",
    Code.INSUFFICIENT_SCOPE: "The key lacks a scope that was asked for.",
    Code.RATE_LIMITED: "The key was used too often within a minute.",
    Code.USAGE_EXCEEDED: "The organization's quota of this month is used up.",
}


STATUSES: dict[Code, int] = {
    Code.VALID: 200,
    Code.ORGANIZATION_SUSPENDED: 403,
    Code.REVOKED: 401,
    Code.DISABLED: 401,
    Code.PENDING_VERIFICATION: 401,
    Code.EXPIRED: 401,
    Code.FORBIDDEN: 403,
    Code.INSUFFICIENT_SCOPE: 403,
    Code.RATE_LIMITED: 429,
    Code.USAGE_EXCEEDED: 429,
}
"""The HTTP status that a service which asked for the verdict answers its own caller with."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One key at one version, with what its organization may use.

    `limits` holds the key's limits by product slug; the empty slug stands for all that was not
    bought by itself.
    """

    key_id: UUID
    organization_id: UUID
    version: int
    standing: Code
    environment: str
    name: str
    scopes: tuple[str, ...]
    tier: str
    allowed_cidrs: tuple[str, ...] = ()
    expires_at: datetime | None = None
    overlap_ends_at: datetime | None = None
    external_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Limits] = field(default_factory=dict)


def standing(status: str, *, is_active: bool, organization_status: str) -> Code:
    """Return what is true of a key whatever the hour: VALID, or why it is not."""
    if status == "revoked":
        return Code.REVOKED
    if organization_status != "active":
        return Code.ORGANIZATION_SUSPENDED
    if not is_active:
        return Code.DISABLED
    return Code.VALID if status == "active" else Code.PENDING_VERIFICATION


def verdict(facts: Facts, at: datetime, *, ip: str | None, scopes: Sequence[str] = ()) -> Code:
    """Judge a key without its limits. The script in the cache says the same, in this order."""
    if facts.standing is not Code.VALID:
        return facts.standing
    if facts.overlap_ends_at is not None and at >= facts.overlap_ends_at:
        return Code.REVOKED
    if facts.expires_at is not None and at >= facts.expires_at:
        return Code.EXPIRED
    if not is_inside(facts.allowed_cidrs, ip):
        return Code.FORBIDDEN
    if not set(scopes) <= set(facts.scopes):
        return Code.INSUFFICIENT_SCOPE
    return Code.VALID


def limits_of(
    key_tier: str,
    usable: Mapping[str, tuple[str, int, int | None]],
    bought: Mapping[str, tuple[str, int]] | None = None,
) -> dict[str, Limits]:
    """Return a key's limits by product: what may be used, at the key's own tier where lower.

    `usable` maps a product's slug to (tier, requests per minute, monthly quota). The quota is the
    organization's, whatever the key's tier. `bought` has the tier and the rate of products of
    which a trial gives more than that: no key has less than these gave it.
    """
    free = (Tier.FREE.value, UNBOUGHT.requests_per_minute, UNBOUGHT.monthly_quota)
    every = {"": free} | dict(usable)
    found = {}
    for product, (tier, rate, quota) in every.items():
        own = _rate_of(key_tier, tier, rate)
        if bought and product in bought:
            own = max(own, _rate_of(key_tier, *bought[product]))
        found[product] = Limits(own, quota)
    return found


def _rate_of(key_tier: str, tier: str, rate: int) -> int:
    effective = lower(key_tier, tier)
    return rate if effective == tier else min(rate, DEFAULTS[effective].requests_per_minute)
