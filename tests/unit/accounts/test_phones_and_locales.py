"""Telephone numbers in one form, and the ways to write a date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from babel import Locale

from accounts.rules.locales import DEFAULT, LOCALES
from accounts.rules.phones import BadPhone, normal_phone
from config.kit import context
from config.kit.money import Money
from config.templatetags.ui.text import moment, money, number


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("  ", ""),
        ("+49 30 1234567", "+49301234567"),
        ("+49 (0)30 123-4567", "+49301234567"),
        ("0049 30/1234567", "+49301234567"),
        ("+1 (415) 555-2671", "+14155552671"),
    ],
)
def test_a_number_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert normal_phone(typed) == kept


@pytest.mark.parametrize("typed", ["030 1234567", "call me", "+0 123456789", "+49", "+" + "1" * 16])
def test_a_number_nobody_can_call_is_refused(typed: str) -> None:
    with pytest.raises(BadPhone):
        normal_phone(typed)


def test_every_locale_is_one_that_babel_knows() -> None:
    assert DEFAULT in LOCALES
    for name in LOCALES:
        Locale.parse(name, sep="-")


@pytest.mark.parametrize(
    ("locale", "day", "figure", "sum_"),
    [
        ("en", "5 Nov 2026", "1,234.5", "€12.40"),
        ("en-US", "Nov 5, 2026", "1,234.5", "€12.40"),
        ("de", "05.11.2026", "1.234,5", "12,40\xa0€"),
    ],
)
def test_a_page_writes_as_its_reader_does(locale: str, day: str, figure: str, sum_: str) -> None:
    with context.use(context.Context(locale=locale)):
        shown = moment(datetime(2026, 11, 5, 12, tzinfo=UTC), time=False)
        assert f">{day}<" in shown
        assert number(1234.5) == figure
        assert money(1240, "EUR") == sum_
        assert str(Money(1240, "EUR")) == "€12.40", "documents keep to one form"
