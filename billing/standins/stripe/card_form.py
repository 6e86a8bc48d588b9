"""The card form of the hosted page: its fields, and what is wrong with them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from billing.standins.stripe import cards, payment_methods
from billing.standins.stripe.call import Call
from billing.standins.stripe.errors import StripeError

_EXPIRY = re.compile(r"(\d{1,2})\s*[/.\-]?\s*(\d{2}|\d{4})")
_MAX_LENGTH = 100


@dataclass(slots=True)
class CardForm:
    number: str = ""
    expiry: str = ""
    cvc: str = ""
    name: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    card: cards.Card | None = None
    month: int = 0
    year: int = 0


def parse(call: Call, body: bytes) -> CardForm:
    given = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    number, expiry, cvc, name = (
        given.get(field_name, [""])[0].strip()[:_MAX_LENGTH]
        for field_name in ("number", "expiry", "cvc", "name")
    )
    form = CardForm(number, expiry, cvc, name)
    _check_number(form)
    _check_expiry(call, form)
    _check_cvc(form)
    if not form.name:
        form.errors["name"] = "Enter the name on the card."
    return form


def _check_number(form: CardForm) -> None:
    if not form.number:
        form.errors["number"] = "Enter a card number."
        return
    try:
        form.card = payment_methods.known_card(form.number)
    except StripeError as error:
        unknown = error.error["code"] == "card_declined"
        form.errors["number"] = (
            "This page takes test cards only. See the list below."
            if unknown
            else "This card number is not valid. Check the digits."
        )


def _check_expiry(call: Call, form: CardForm) -> None:
    match = _EXPIRY.fullmatch(form.expiry)
    if match is None:
        form.errors["expiry"] = "Enter month and year, such as 12 / 34."
        return
    form.month, form.year = int(match[1]), int(match[2])
    if form.year < 100:
        form.year += 2000
    try:
        payment_methods.check_expiry(call, form.month, form.year)
    except StripeError:
        form.errors["expiry"] = "This date is in the past or not a date."


def _check_cvc(form: CardForm) -> None:
    card = form.card or cards.CARDS[0]
    try:
        payment_methods.check_cvc(card, form.cvc)
    except StripeError:
        form.errors["cvc"] = "Enter the three or four digits on the card."
