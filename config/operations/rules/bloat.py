"""How large a B-tree ought to be, from its statistics; what is far above has gaps."""

from __future__ import annotations

from math import ceil

PAGE = 8192
_PAGE_HEAD, _SPECIAL = 24, 16
_ITEM, _TUPLE_HEAD, _ALIGN = 4, 8, 8
FILL = 0.9
WORTH_BYTES = 10 * 1024 * 1024
WORTH_SHARE = 0.4
"""An index is rebuilt when that much of it, and at least that many bytes, would be gained."""


def expected_bytes(rows: float, key_width: float, *, fill: float = FILL) -> int:
    """Return the size of a freshly built index of `rows` keys of `key_width` bytes on average."""
    if rows <= 0:
        return PAGE
    entry = ceil((_TUPLE_HEAD + key_width) / _ALIGN) * _ALIGN + _ITEM
    leaf_pages = ceil(rows * entry / ((PAGE - _PAGE_HEAD - _SPECIAL) * fill))
    # One page of pointers serves some two hundred leaves; the first page describes the index.
    return (1 + leaf_pages + leaf_pages // 200) * PAGE


def is_bloated(
    size: int,
    rows: float,
    key_width: float,
    *,
    share: float = WORTH_SHARE,
    least: int = WORTH_BYTES,
) -> bool:
    gained = size - expected_bytes(rows, key_width)
    return gained >= least and gained >= share * size
