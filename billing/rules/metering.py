"""What metered use costs, and which marks of a quota are passed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from config.kit.errors import InvalidInput

MARKS = (80, 100)
_FOUR = Decimal("0.0001")
_TOO_MUCH = Decimal(10) ** 8  # what the column of rates can hold ends here


def require_rates(specs: Any) -> None:
    """Raise `InvalidInput` unless every price for a thousand in a product's specs can be read."""
    if not isinstance(specs, Mapping):
        raise _invalid("This must be a JSON object, in curly brackets.")
    prices = specs.get("price_per_thousand", {})
    if not isinstance(prices, Mapping):
        raise _invalid('price_per_thousand is an object such as {"EUR": "0.40"}.')
    for currency, price in prices.items():
        if not re.fullmatch("[A-Z]{3}", currency):
            raise _invalid("price_per_thousand names currencies by three capital letters.")
        if _read_rate(price) is None:
            raise _invalid(f'The price in {currency} is a text such as "0.40", below 100,000,000.')


def rate_in(specs: Any, currency: str) -> Decimal:
    """Return what a thousand cost: `specs["price_per_thousand"]["EUR"]`, a text such as "0.4".

    Nothing there, or nothing sensible, is free: a typing error must not bill anybody. More than
    four decimals are rounded half to even, here and nowhere else.
    """
    prices = specs.get("price_per_thousand") if isinstance(specs, Mapping) else None
    written = prices.get(currency, 0) if isinstance(prices, Mapping) else 0
    return _read_rate(written) or Decimal(0).quantize(_FOUR)


def _read_rate(written: Any) -> Decimal | None:
    """Return the rate, None when it is none that can be stored."""
    try:
        rate = Decimal(str(written)).quantize(_FOUR)
        return rate if 0 <= rate < _TOO_MUCH else None
    except InvalidOperation:
        return None


def _invalid(detail: str) -> InvalidInput:
    return InvalidInput(errors=[{"pointer": "/specs", "code": "invalid", "detail": detail}])


def cost_of(count: int, rate_per_thousand: Decimal) -> Decimal:
    """Return the exact cost. It is rounded once, when a month becomes a line of an invoice."""
    return count * rate_per_thousand / 1000


def marks_passed(used: int, quota: int | None) -> list[int]:
    """Return which of 80 and 100 percent are used; a quota of None is never used up."""
    if quota is None:
        return []
    return [percent for percent in MARKS if used * 100 >= quota * percent and used > 0]
