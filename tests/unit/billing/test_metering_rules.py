"""What a product's specs say of calls: read before it is on sale, and never a reason to fail later."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.rules.metering import rate_in, require_rates
from config.kit.errors import InvalidInput


@pytest.mark.parametrize(
    ("price", "rate"),
    [("0.4", "0.4000"), (2, "2.0000"), ("0.00005", "0.0000"), ("99999999.9999", "99999999.9999")],
)
def test_a_price_is_read(price: Any, rate: str) -> None:
    specs = {"price_per_thousand": {"EUR": price}}
    require_rates(specs)
    assert str(rate_in(specs, "EUR")) == rate
    assert rate_in(specs, "USD") == 0


def test_without_a_price_calls_are_free() -> None:
    require_rates({"weight": "3 kg"})
    assert rate_in({}, "EUR") == Decimal(0)


@pytest.mark.parametrize(
    "specs",
    [[], "x", None, {"price_per_thousand": []}]
    + [
        {"price_per_thousand": {"EUR": price}}
        for price in ("1e9", "99999999.99999", "-1", "NaN", "Infinity", "much", True, None, {}, [])
    ],
)
def test_a_price_that_cannot_be_read_is_refused_and_costs_nothing(specs: Any) -> None:
    with pytest.raises(InvalidInput):
        require_rates(specs)
    assert rate_in(specs, "EUR") == 0


def test_a_currency_is_three_capital_letters() -> None:
    with pytest.raises(InvalidInput):
        require_rates({"price_per_thousand": {"eur": "1"}})
