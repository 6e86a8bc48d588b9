"""What metered use costs, and which marks of a quota are passed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

MARKS = (80, 100)
_FOUR = Decimal("0.0001")


def rate_in(specs: Mapping[str, Any], currency: str) -> Decimal:
    """Return what a thousand cost: `specs["price_per_thousand"]["EUR"]`, a text such as "0.4".

    Nothing there, or nothing sensible, is free: a typing error must not bill anybody. More than
    four decimals are rounded half to even, here and nowhere else.
    """
    prices = specs.get("price_per_thousand")
    try:
        rate = Decimal(str(prices[currency])) if isinstance(prices, dict) else Decimal(0)
        return max(rate, Decimal(0)).quantize(_FOUR)
    except (KeyError, InvalidOperation):
        return Decimal(0).quantize(_FOUR)


def cost_of(count: int, rate_per_thousand: Decimal) -> Decimal:
    """Return the exact cost. It is rounded once, when a month becomes a line of an invoice."""
    return count * rate_per_thousand / 1000


def marks_passed(used: int, quota: int | None) -> list[int]:
    """Return which of 80 and 100 percent are used; a quota of None is never used up."""
    if quota is None:
        return []
    return [percent for percent in MARKS if used * 100 >= quota * percent and used > 0]
