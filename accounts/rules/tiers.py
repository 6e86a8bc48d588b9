"""What an API key may use: a rate for each key, a quota a month for its organization.

What an organization has bought stands in `ApiAllowance`, with limits of its own for the product it
names or for all; of the rest everybody may use what is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Limits:
    """`requests_per_minute` of one key; `monthly_quota` of the organization, None is unlimited."""

    requests_per_minute: int
    monthly_quota: int | None


DEFAULTS: dict[str, Limits] = {
    Tier.FREE: Limits(60, 10_000),
    Tier.PRO: Limits(600, 1_000_000),
    Tier.ENTERPRISE: Limits(6_000, None),
}
UNBOUGHT = DEFAULTS[Tier.FREE]
"""What everybody may use of all that no plan of theirs covers, whatever tier another one gave."""
_ORDER = tuple(DEFAULTS)


def rank(tier: str) -> int:
    return _ORDER.index(Tier(tier))


def lower(one: str, other: str) -> str:
    """Return the lower of two tiers: a key never has more than its organization."""
    return min(one, other, key=rank)


def up_to(tier: str) -> list[str]:
    """Return the tiers that an organization of `tier` may give its keys."""
    return [str(each) for each in _ORDER[: rank(tier) + 1]]
