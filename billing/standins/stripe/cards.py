"""The test cards, what a bank says to each of them, and the ``pm_card_*`` tokens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

GENERIC = "Your card was declined."


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    decline_code: str | None
    message: str


class Challenge(Enum):
    """When the bank wants to see the card's owner (3D Secure)."""

    NEVER = "never"
    UNLESS_SET_UP = "unless set up"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Card:
    number: str
    brand: str
    label: str
    tokens: tuple[str, ...] = ()
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    attachable: bool = True  # declining cards cannot be saved either, but for one
    challenge: Challenge = Challenge.NEVER


def _declined(decline_code: str, message: str = GENERIC) -> Decline:
    return Decline("card_declined", decline_code, message)


_INSUFFICIENT = _declined("insufficient_funds", "Your card has insufficient funds.")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. "
    "Please choose a different payment method and try again.",
)

CARDS = (
    Card("4242424242424242", "visa", "Paid at once", ("pm_card_visa",)),
    Card("4000056655665556", "visa", "Paid, debit", ("pm_card_visa_debit",), funding="debit"),
    Card("5555555555554444", "mastercard", "Paid at once", ("pm_card_mastercard",)),
    Card("378282246310005", "amex", "Paid at once", ("pm_card_amex",)),
    Card(
        "4000002500003155",
        "visa",
        "Asks its owner, unless it was saved before",
        ("pm_card_authenticationRequiredOnSetup",),
        challenge=Challenge.UNLESS_SET_UP,
    ),
    Card(
        "4000002760003184",
        "visa",
        "Asks its owner each time",
        ("pm_card_authenticationRequired",),
        challenge=Challenge.ALWAYS,
    ),
    Card(
        "4000008260003178",
        "visa",
        "Asks its owner, then has no money",
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",),
        challenge=Challenge.ALWAYS,
        decline=_INSUFFICIENT,
    ),
    Card(
        "4000000000000341",
        "visa",
        "Can be saved, is declined when charged",
        ("pm_card_chargeCustomerFail",),
        decline=_declined("generic_decline"),
    ),
    Card(
        "4000000000000002",
        "visa",
        "Declined",
        ("pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"),
        decline=_declined("generic_decline"),
        attachable=False,
    ),
    Card(
        "4000000000009995",
        "visa",
        "Declined: insufficient funds",
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "pm_card_visa_chargeDeclinedInsufficientFunds",
        ),
        decline=_INSUFFICIENT,
        attachable=False,
    ),
    Card(
        "4000000000009987",
        "visa",
        "Declined: lost card",
        ("pm_card_chargeDeclinedLostCard", "pm_card_visa_chargeDeclinedLostCard"),
        decline=_declined("lost_card"),
        attachable=False,
    ),
    Card(
        "4000000000009979",
        "visa",
        "Declined: stolen card",
        ("pm_card_chargeDeclinedStolenCard", "pm_card_visa_chargeDeclinedStolenCard"),
        decline=_declined("stolen_card"),
        attachable=False,
    ),
    Card(
        "4000000000000069",
        "visa",
        "Declined: expired card",
        ("pm_card_chargeDeclinedExpiredCard",),
        decline=Decline("expired_card", None, "Your card has expired."),
        attachable=False,
    ),
    Card(
        "4000000000000127",
        "visa",
        "Declined: wrong security code",
        ("pm_card_chargeDeclinedIncorrectCvc",),
        decline=Decline("incorrect_cvc", None, "Your card's security code is incorrect."),
        attachable=False,
    ),
    Card(
        "4000000000000119",
        "visa",
        "Declined: processing error",
        ("pm_card_chargeDeclinedProcessingError",),
        decline=Decline(
            "processing_error",
            None,
            "An error occurred while processing your card. Try again in a little bit.",
        ),
        attachable=False,
    ),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {token: card for card in CARDS for token in card.tokens}


def luhn(number: str) -> bool:
    """Whether the check digit fits."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def wants_owner(card: Card, *, set_up: bool) -> bool:
    """Whether this card's bank asks for 3D Secure."""
    if card.challenge is Challenge.UNLESS_SET_UP:
        return not set_up
    return card.challenge is Challenge.ALWAYS
