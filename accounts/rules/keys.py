"""The form of an API key: sw_live_ or sw_test_, a public part, a secret and a checksum.

The checksum lets a secret scanner, and us, refuse a mistyped or invented key without asking
anybody. The public part and the last letters may be shown; nothing else of a key is ever stored.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from dataclasses import dataclass

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "sw_"
PUBLIC_LENGTH = 8
SECRET_LENGTH = 43  # of 62 letters: 256 bits
_CHECK_LENGTH = 6
_FORM = re.compile(
    rf"sw_(live|test)_([0-9A-Za-z]{{{PUBLIC_LENGTH}}})"
    rf"[0-9A-Za-z]{{{SECRET_LENGTH}}}([0-9A-Za-z]{{{_CHECK_LENGTH}}})"
)
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_PAIR = len(_PAIRS)
LONGEST = len("sw_live_") + PUBLIC_LENGTH + SECRET_LENGTH + _CHECK_LENGTH


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its owner sees it once: `text` in whole, and the parts that may be shown later."""

    text: str
    public_id: str
    last4: str


def make_key(environment: str) -> NewKey:
    """Return a new random key for `environment`, live or test."""
    public_id = _random(PUBLIC_LENGTH)
    body = f"sw_{environment}_{public_id}{_random(SECRET_LENGTH)}"
    text = body + checksum(body)
    return NewKey(text, public_id, text[-4:])


def is_key(text: str) -> bool:
    """True when `text` has the form of a key and its checksum is right."""
    if len(text) != LONGEST or _FORM.fullmatch(text) is None:
        return False
    return text[-_CHECK_LENGTH:] == checksum(text[:-_CHECK_LENGTH])


def checksum(body: str) -> str:
    """Return the CRC-32 of `body` in six letters of the alphabet."""
    value = zlib.crc32(body.encode())
    high, low = divmod(value, _PAIR * _PAIR)
    return _PAIRS[high] + _PAIRS[low // _PAIR] + _PAIRS[low % _PAIR]


def masked(environment: str, public_id: str, last4: str) -> str:
    """Write a key for people: what it begins and ends with."""
    return f"sw_{environment}_{public_id}\u2026{last4}"


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
