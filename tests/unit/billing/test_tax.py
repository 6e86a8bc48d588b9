"""VAT: who pays which, on which day, and how the cents are spread."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.tax import (
    MEMBERS,
    Party,
    Treatment,
    compact_vat_id,
    decide,
    standard_rate,
    tax_of_lines,
)

SELLER = Party("DE", "DE136695976")
DAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("country", "vat_id", "on", "treatment", "owed_to", "rate"),
    [
        ("DE", "", DAY, "domestic", "DE", "19"),
        ("DE", "DE129273398", DAY, "domestic", "DE", "19"),
        ("DE", "DE123456789", DAY, "domestic", "DE", "19"),
        ("FR", "", DAY, "consumer", "FR", "20"),
        ("FR", "FR61954506077", DAY, "reverse_charge", "", "0"),
        ("FR", "FR00000000000", DAY, "consumer", "FR", "20"),
        ("FR", "61954506077", DAY, "reverse_charge", "", "0"),
        ("FR", "fr 61 954 506 077", DAY, "reverse_charge", "", "0"),
        ("FR", "BE0697449992", DAY, "consumer", "FR", "20"),
        ("BE", "BE0697449992", DAY, "reverse_charge", "", "0"),
        ("GR", "", DAY, "consumer", "GR", "24"),
        ("GR", "EL094259216", DAY, "reverse_charge", "", "0"),
        ("GR", "GR094259216", DAY, "reverse_charge", "", "0"),
        ("AT", "ATU57194903", DAY, "reverse_charge", "", "0"),
        ("HU", "", DAY, "consumer", "HU", "27"),
        ("LU", "", DAY, "consumer", "LU", "17"),
        ("FI", "", DAY, "consumer", "FI", "25.5"),
        ("FI", "", date(2024, 8, 31), "consumer", "FI", "24"),
        ("FI", "", date(2024, 9, 1), "consumer", "FI", "25.5"),
        ("SK", "", date(2024, 12, 31), "consumer", "SK", "20"),
        ("SK", "", date(2025, 1, 1), "consumer", "SK", "23"),
        ("EE", "", date(2025, 6, 30), "consumer", "EE", "22"),
        ("EE", "", date(2025, 7, 1), "consumer", "EE", "24"),
        ("RO", "", date(2025, 8, 1), "consumer", "RO", "21"),
        ("GB", "XI980780684", DAY, "outside", "", "0"),
        ("CH", "CHE-107.787.577", DAY, "outside", "", "0"),
        ("US", "", DAY, "outside", "", "0"),
        ("NO", "", DAY, "outside", "", "0"),
    ],
)
def test_the_vat_matrix(
    country: str, vat_id: str, on: date, treatment: str, owed_to: str, rate: str
) -> None:
    decision = decide(SELLER, Party(country, vat_id), on)
    assert decision.treatment.value == treatment
    assert decision.country == owed_to
    assert decision.rate == Decimal(rate)


def test_the_note_of_a_reverse_charge_names_both_numbers() -> None:
    note = decide(SELLER, Party("GR", "GR 094259216"), DAY).note
    assert note.startswith("Reverse charge")
    assert "DE136695976" in note
    assert "EL094259216" in note


def test_a_sale_outside_the_union_says_so_and_a_taxed_one_says_nothing() -> None:
    assert "outside the European Union" in decide(SELLER, Party("US"), DAY).note
    assert decide(SELLER, Party("FR"), DAY).note == ""


def test_a_seller_outside_the_union_charges_no_vat() -> None:
    assert decide(Party("CH"), Party("DE"), DAY).treatment is Treatment.OUTSIDE


def test_every_member_has_a_rate() -> None:
    assert len(MEMBERS) == 27
    assert all(Decimal(17) <= standard_rate(country, DAY) <= Decimal(27) for country in MEMBERS)
    with pytest.raises(ValueError, match="no VAT rate"):
        standard_rate("DE", date(2019, 1, 1))


@pytest.mark.parametrize(
    ("country", "written", "official"),
    [
        ("DE", "136695976", "DE136695976"),
        ("DE", "de 136 695 976", "DE136695976"),
        ("DE", "DE123456789", ""),
        ("NL", "NL004495445B01", "NL004495445B01"),
        ("US", "DE136695976", ""),
        ("FR", "", ""),
        ("FR", "\u0661\u0662\u0663", ""),
    ],
)
def test_a_vat_number_is_kept_in_its_official_form(
    country: str, written: str, official: str
) -> None:
    assert compact_vat_id(country, written) == official


def test_vat_is_rounded_on_the_document_and_not_per_line() -> None:
    assert tax_of_lines([(33, Decimal(19))] * 3) == [7, 6, 6]
    assert sum(tax_of_lines([(33, Decimal(19))] * 3)) == 19


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**12), st.sampled_from([Decimal(0), Decimal(19), Decimal("25.5")])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_the_vat_of_the_lines_is_the_vat_of_the_document(
    lines: list[tuple[int, Decimal]],
) -> None:
    taxes = tax_of_lines(lines)
    assert all(isinstance(tax, int) and tax >= 0 for tax in taxes)
    for rate in {rate for _, rate in lines}:
        net = sum(amount for amount, of in lines if of == rate)
        whole = (Decimal(net) * rate / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        parts = [tax for tax, line in zip(taxes, lines, strict=True) if line[1] == rate]
        assert sum(parts) == whole
        exact = [Decimal(amount) * rate / 100 for amount, of in lines if of == rate]
        # Half a cent from rounding the document, less than one from spreading it.
        near = Decimal("1.5")
        assert all(abs(part - share) < near for part, share in zip(parts, exact, strict=True))
