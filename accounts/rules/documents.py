"""Which JSON of a caller's own may be kept: what goes in must come back out, everywhere.

PostgreSQL cannot store NUL. Numbers beyond 64 bits lose digits when they are read (RFC 8259,
section 6, warns of them) and cannot be written again; deep nesting cannot either.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

MOST_METADATA = 4096
_MOST_DEPTH = 20
_BEYOND = 2.0**63


class DocumentFault(NamedTuple):
    code: str
    detail: str


def fault_of(document: Any, *, most: int) -> DocumentFault | None:
    """Say why a document of at most `most` bytes cannot be kept; None when it can.

    The codes are too_deep, control_character, invalid, out_of_range and too_large.
    """
    level = [document]
    for _ in range(_MOST_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif (fault := _fault_of_leaf(value)) is not None:
                return fault
        if not below:
            return _too_large(document, most)
        level = below
    return DocumentFault("too_deep", f"At most {_MOST_DEPTH} levels are allowed.")


def _fault_of_leaf(value: Any) -> DocumentFault | None:
    if isinstance(value, str):
        return _fault_of_text(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and not -_BEYOND < value < _BEYOND:
        return DocumentFault("out_of_range", "Numbers must fit into 64 bits; send text instead.")
    return None


def _fault_of_text(text: str) -> DocumentFault | None:
    if "\x00" in text:
        return DocumentFault("control_character", "NUL characters are not allowed.")
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which the standard library lets in
        return DocumentFault("invalid", "This holds half a character.")
    return None


def _too_large(document: Any, most: int) -> DocumentFault | None:
    """Measure it as PostgreSQL writes it at most: with a blank after each colon and comma."""
    written = orjson.dumps(document)
    if len(written) + written.count(b":") + written.count(b",") <= most:
        return None
    return DocumentFault("too_large", f"At most {most // 1024} KB are allowed.")
