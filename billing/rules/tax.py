"""VAT of a European seller of electronic services. Engineering, not tax advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError

from config.kit.money import split_minor

_START = date(2024, 1, 1)
# Standard rates in percent, oldest first; a rate holds until the next one of its country.
_RATES: dict[str, tuple[tuple[date, str], ...]] = {
    "AT": ((_START, "20"),),
    "BE": ((_START, "21"),),
    "BG": ((_START, "20"),),
    "CY": ((_START, "19"),),
    "CZ": ((_START, "21"),),
    "DE": ((_START, "19"),),
    "DK": ((_START, "25"),),
    "EE": ((_START, "22"), (date(2025, 7, 1), "24")),
    "ES": ((_START, "21"),),
    "FI": ((_START, "24"), (date(2024, 9, 1), "25.5")),
    "FR": ((_START, "20"),),
    "GR": ((_START, "24"),),
    "HR": ((_START, "25"),),
    "HU": ((_START, "27"),),
    "IE": ((_START, "23"),),
    "IT": ((_START, "22"),),
    "LT": ((_START, "21"),),
    "LU": ((_START, "17"),),
    "LV": ((_START, "21"),),
    "MT": ((_START, "18"),),
    "NL": ((_START, "21"),),
    "PL": ((_START, "23"),),
    "PT": ((_START, "23"),),
    "RO": ((_START, "19"), (date(2025, 8, 1), "21")),
    "SE": ((_START, "25"),),
    "SI": ((_START, "22"),),
    "SK": ((_START, "20"), (date(2025, 1, 1), "23")),
}
MEMBERS = frozenset(_RATES)
# Greece writes EL before its numbers and GR everywhere else.
_PREFIXES = {"GR": "EL"}


class Treatment(StrEnum):
    DOMESTIC = "domestic"
    CONSUMER = "consumer"
    REVERSE_CHARGE = "reverse_charge"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a sale: ISO country, and the VAT number as written, empty for none."""

    country: str
    vat_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What VAT a sale bears. `rate` is in percent; `country` is the one it is owed to, if any."""

    treatment: Treatment
    country: str
    rate: Decimal
    note: str = ""


def standard_rate(country: str, on: date) -> Decimal:
    """Return the standard rate of an EU member on a day, in percent."""
    held = [rate for since, rate in _RATES[country] if since <= on]
    if not held:
        raise ValueError(f"no VAT rate of {country} is known for {on}")
    return Decimal(held[-1])


def compact_vat_id(country: str, vat_id: str) -> str:
    """Return a VAT number in its official form, with prefix; empty when it is not valid.

    Checked offline (form and check digits) and against the country; that the number is in use
    today only the tax office knows.
    """
    prefix = _PREFIXES.get(country, country)
    text = "".join(vat_id.split()).upper()
    if country not in MEMBERS or not text:
        return ""
    if text.startswith(country) and country != prefix:
        text = prefix + text[2:]
    if not text.startswith(prefix):
        text = prefix + text
    try:
        return prefix + eu_vat.validate(text).removeprefix(prefix)
    except ValidationError:
        return ""


def decide(seller: Party, buyer: Party, on: date) -> Decision:
    """Say what VAT the seller charges the buyer for electronic services on a day."""
    if seller.country not in MEMBERS:
        return Decision(Treatment.OUTSIDE, "", Decimal(0), "The seller is not subject to EU VAT.")
    if buyer.country == seller.country:
        rate = standard_rate(seller.country, on)
        return Decision(Treatment.DOMESTIC, seller.country, rate)
    if buyer.country not in MEMBERS:
        note = "Not subject to EU VAT: the customer is established outside the European Union."
        return Decision(Treatment.OUTSIDE, "", Decimal(0), note)
    number = compact_vat_id(buyer.country, buyer.vat_id)
    if number:
        note = (
            "Reverse charge: VAT is to be accounted for by the recipient"
            " (Article 196 of Directive 2006/112/EC)."
            f" Supplier {seller.vat_id}, customer {number}."
        )
        return Decision(Treatment.REVERSE_CHARGE, "", Decimal(0), note)
    return Decision(Treatment.CONSUMER, buyer.country, standard_rate(buyer.country, on))


def tax_of_lines(lines: Sequence[tuple[int, Decimal]]) -> list[int]:
    """Return the VAT of each line (net in minor units, rate in percent).

    Rounded once per rate, on the document, as the law asks; then spread over the lines by
    largest remainder, so that the parts are the whole.
    """
    taxes = [0] * len(lines)
    for rate in {rate for _, rate in lines}:
        places = [index for index, line in enumerate(lines) if line[1] == rate]
        nets = [lines[index][0] for index in places]
        if sum(nets) == 0:
            continue
        whole = (Decimal(sum(nets)) * rate / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        for index, part in zip(places, split_minor(int(whole), nets), strict=True):
            taxes[index] = part
    return taxes
