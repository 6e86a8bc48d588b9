"""License keys: made, written for people, read back however people type them.

A key is SWY- and 25 characters of Crockford's base 32 in groups of five: 24 random ones
(120 bits) and a check character. The check is a polynomial over GF(32), so every single wrong
character and every swap of two characters is caught without asking the database.
"""

from __future__ import annotations

import secrets

PREFIX = "SWY"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM = 24
LENGTH = RANDOM + 1
GROUP = 5

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
# x^5 + x^2 + 1 is primitive: the powers of x are 31 different weights, more than a key is long.
_POLYNOMIAL = 0b100101
_TIMES_X = tuple(value << 1 ^ (_POLYNOMIAL if value & 16 else 0) for value in range(32))
_READ = str.maketrans("OIL", "011", " \t\r\n-\u2010\u2011\u2012\u2013\u2014")


def make_key() -> str:
    """Return a new key as people see it, from the operating system's randomness."""
    bits = secrets.randbits(5 * RANDOM)
    body = "".join(ALPHABET[bits >> 5 * place & 31] for place in range(RANDOM))
    return write_key(body + check_character(body))


def write_key(body: str) -> str:
    """Group the 25 characters of a key: SWY-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX."""
    groups = [body[start : start + GROUP] for start in range(0, LENGTH, GROUP)]
    return "-".join([PREFIX, *groups])


def read_key(text: str) -> str | None:
    """Return the 25 characters of a typed key, None when it cannot be one of ours.

    Case, spaces and dashes do not matter; O is read as 0, I and L as 1.
    """
    if len(text) > 4 * LENGTH:
        return None
    body = text.upper().translate(_READ)
    if len(body) == LENGTH + len(PREFIX):
        body = body.removeprefix(PREFIX)
    if len(body) != LENGTH:
        return None
    remainder = _remainder(body)
    return body if remainder == 0 else None


def check_character(body: str) -> str:
    """Return the character that makes the whole key leave no remainder."""
    remainder = _remainder(body)
    assert remainder is not None, "a key is made of the alphabet"
    return ALPHABET[_TIMES_X[remainder]]


def _remainder(symbols: str) -> int | None:
    remainder = 0
    for symbol in symbols:
        value = _VALUES.get(symbol)
        if value is None:
            return None
        remainder = _TIMES_X[remainder] ^ value
    return remainder
