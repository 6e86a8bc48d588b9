"""The countries of ISO 3166, by their English names."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale

# Codes that CLDR knows and ISO 3166 does not assign: unions, tests, reserved islands.
_NOT_ASSIGNED = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
)


@lru_cache(maxsize=1)
def countries() -> list[tuple[str, str]]:
    """Return code and name of each country, in the order of the names."""
    names = Locale("en").territories
    assigned = [
        (code, name)
        for code, name in names.items()
        if len(code) == 2 and code.isalpha() and code not in _NOT_ASSIGNED
    ]
    return sorted(assigned, key=lambda pair: pair[1].replace("Å", "A"))
