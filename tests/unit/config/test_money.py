"""Money never loses or invents a minor unit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kit.models import MoneyDescriptor
from config.kit.money import Money, exponent, split_minor

AMOUNTS = st.integers(min_value=-(10**15), max_value=10**15)
WEIGHTS = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=30).filter(any)
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "ISK"])


@given(AMOUNTS, WEIGHTS)
def test_parts_always_sum_to_the_whole(total: int, weights: list[int]) -> None:
    parts = split_minor(total, weights)
    assert sum(parts) == total
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@given(AMOUNTS, WEIGHTS)
def test_no_part_is_a_whole_unit_away_from_its_exact_share(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    for part, weight in zip(split_minor(total, weights), weights, strict=True):
        assert abs(part * whole - total * weight) < whole


@given(AMOUNTS, CURRENCIES)
def test_major_units_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.from_amount(money.amount, currency) == money


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("UGX", 2)])
def test_exponents_are_those_of_the_card_processor(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


def test_a_factor_rounds_half_up_once() -> None:
    assert Money(105, "EUR").times(Decimal("0.5")) == Money(53, "EUR")
    assert Money(-105, "EUR").times(Decimal("0.5")) == Money(-53, "EUR")


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Money(1, "EUR") + Money(1, "USD")


@pytest.mark.parametrize("minor", [1.0, True, "1", None])
def test_only_whole_numbers_are_minor_units(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, "EUR")  # type: ignore[arg-type]


def test_a_fraction_of_a_cent_is_refused() -> None:
    with pytest.raises(ValueError, match="fraction"):
        Money.from_amount(Decimal("1.005"), "EUR")


def test_people_read_it_with_its_symbol() -> None:
    assert str(Money(1990, "EUR")) == "€19.90"
    assert str(Money(500, "JPY")) == "¥500"


class _Line:
    net = MoneyDescriptor("net_minor")
    net_minor, currency = 250, "EUR"


def test_money_of_a_row_is_read_as_one_and_never_written_as_one() -> None:
    line = _Line()
    with pytest.raises(AttributeError, match="set net_minor and currency instead"):
        line.net = Money(300, "EUR")
    assert line.net == Money(250, "EUR")
