"""Bodies of calls without what must never be stored: secrets, card numbers, e-mail addresses.

Names of JSON members and form fields say what is secret; patterns find the rest anywhere.
"""

from __future__ import annotations

import json
import re
from typing import Any

MOST_READ = 64 * 1024
"""Longer bodies are cut before they are looked at."""
MOST_KEPT = 4 * 1024
"""Characters kept of one body."""
GONE = "[redacted]"

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|passcode|secret|token|authori[sz]ation|cookie|credential|api[-_]?key"
    r"|access[-_]?key|private[-_]?key|session|signature|otp|pin$|card|cvv|cvc|iban|account[-_]?number"
    r"|e[-_]?mail|ssn|tax[-_]?id",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
_CREDENTIAL = re.compile(
    r"\b(?:sw_(?:live|test)_|sk_(?:live|test)_|rk_live_|whsec_|ghp_|xox[a-z]-|AKIA)[A-Za-z0-9_-]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"
    r"|\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}"
)
_MEMBER = re.compile(r'("(?:[^"\\]|\\.){1,64}")(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^,}\]\s]+)')
_PAIR = re.compile(r"([A-Za-z0-9_.\[\]-]{1,64})=([^&\s]*)")


def redact(body: str) -> str:
    """Return `body` without secrets, at most 4,096 characters of it and how many were cut."""
    cut = len(body) - MOST_READ
    text = body[:MOST_READ].replace("\x00", "")
    try:
        text = json.dumps(_clean(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):  # no JSON, or too deep to be walked
        text = _clean_text(text)
    if len(text) > MOST_KEPT or cut > 0:
        left_out = max(len(text) - MOST_KEPT, 0) + max(cut, 0)
        return f"{text[:MOST_KEPT]}… [{left_out} characters cut]"
    return text


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            _clean_patterns(name): GONE if _SECRET_NAME.search(name) else _clean(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [_clean(member) for member in value]
    if isinstance(value, str):
        return _clean_patterns(value)
    if isinstance(value, int) and not isinstance(value, bool) and _is_card(str(value)):
        return GONE
    return value


def _clean_text(text: str) -> str:
    """Clean what is no JSON: a form, plain text, or JSON that was cut in the middle."""
    text = _PAIR.sub(
        lambda pair: f"{pair[1]}={GONE}" if _SECRET_NAME.search(pair[1]) else pair[0], text
    )
    text = _MEMBER.sub(
        lambda m: f'{m[1]}{m[2]}"{GONE}"' if _SECRET_NAME.search(m[1][1:-1]) else m[0], text
    )
    return _clean_patterns(text)


def _clean_patterns(text: str) -> str:
    text = _CREDENTIAL.sub(GONE, text)
    text = _EMAIL.sub(GONE, text)
    return _CARD.sub(lambda found: GONE if _is_card(found[0]) else found[0], text)


def _is_card(text: str) -> bool:
    """True for 13 to 19 digits whose last one is their Luhn check digit."""
    digits = [int(letter) for letter in text if letter.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
