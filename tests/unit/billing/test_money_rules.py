"""Money in billing: parts sum to the whole, postings to nothing, floats are refused."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.attempts import LIVE, AttemptStatus, may_move
from billing.rules.chart import invoice_legs, payment_legs
from billing.rules.delays import back_off
from billing.rules.orders import QuantityRefused, require_quantity
from config.kit.money import Money, exponent, split_minor

CUSTOMER = UUID(int=7)
AMOUNTS = st.integers(-(10**15), 10**15)


@given(total=AMOUNTS, weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_a_split_sums_to_the_whole_and_is_fair(total: int, weights: list[int]) -> None:
    if not any(weights):
        weights[0] = 1
    parts = split_minor(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < sum(weights)


@given(minor=AMOUNTS, currency=st.sampled_from(["JPY", "EUR", "KWD"]))
def test_minor_units_survive_the_way_to_major_units_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.from_amount(money.amount, currency) == money
    assert -money.amount.as_tuple().exponent == exponent(currency)


def test_exponents_are_those_of_the_currency() -> None:
    assert [exponent(currency) for currency in ("JPY", "EUR", "KWD")] == [0, 2, 3]


@pytest.mark.parametrize("wrong", [1.0, Decimal("1.5"), True, "1"])
def test_money_takes_whole_numbers_only(wrong: object) -> None:
    with pytest.raises(TypeError):
        Money(wrong, "EUR")  # type: ignore[arg-type]


@given(
    nets=st.lists(
        st.tuples(st.sampled_from(["license", "vm", "sim"]), st.integers(0, 10**12)), min_size=1
    ),
    vat=st.integers(0, 10**12),
)
def test_an_invoice_and_its_payment_balance_and_clear_the_receivable(
    nets: list[tuple[str, int]], vat: int
) -> None:
    total = sum(net for _, net in nets) + vat
    owed = invoice_legs(CUSTOMER, "EUR", nets, ("DE", vat))
    paid = payment_legs(CUSTOMER, "EUR", total)
    assert sum(leg.amount_minor for leg in owed) == 0
    assert sum(leg.amount_minor for leg in paid) == 0
    receivable = f"receivable:{CUSTOMER}:EUR"
    legs = [leg for leg in owed + paid if leg.account.code == receivable]
    assert sum(leg.amount_minor for leg in legs) == 0


@pytest.mark.parametrize("quantity", [0, -1, 1001])
def test_a_quantity_out_of_bounds_is_refused(quantity: int) -> None:
    with pytest.raises(QuantityRefused):
        require_quantity(quantity)


@pytest.mark.parametrize("status", AttemptStatus)
def test_a_succeeded_attempt_never_moves_and_every_other_may_still_succeed(
    status: AttemptStatus,
) -> None:
    assert may_move(status, "succeeded") is (status != AttemptStatus.SUCCEEDED)
    assert not may_move(AttemptStatus.SUCCEEDED, status)


def test_an_ended_attempt_does_not_come_back_to_life() -> None:
    for ended in (AttemptStatus.FAILED, AttemptStatus.CANCELLED):
        assert not any(may_move(ended, live) for live in LIVE if live != "succeeded")


def test_waiting_grows_to_an_hour() -> None:
    assert [back_off(tries).total_seconds() for tries in (0, 1, 4, 50)] == [5, 10, 80, 3600]
