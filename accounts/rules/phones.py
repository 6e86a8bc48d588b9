"""Telephone numbers in the one form that works from everywhere: E.164."""

from __future__ import annotations

import re

_SPACING = re.compile(r"[\s().\-/]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class BadPhone(ValueError):
    """Not a number that can be called from another country."""


def normal_phone(text: str) -> str:
    """Return "+49301234567" for "+49 (0)30 1234567" or "0049 30/1234567"; empty stays empty."""
    if not text.strip():
        return ""
    number = _SPACING.sub("", re.sub(r"^\s*(\+|00)([1-9]\d{0,2})\s*\(0\)", r"\1\2", text))
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if not _E164.fullmatch(number):
        raise BadPhone("Write the number with its country code, for example +49 30 1234567.")
    return number
