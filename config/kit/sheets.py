"""CSV that a spreadsheet opens without running what a cell says."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TextIO

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
ENCODING = "utf-8-sig"
"""With a mark in front, without which Excel reads another alphabet."""

PIECE = 500
"""Lines sent at a time."""

Column = tuple[str, Callable[[Any], Any]]


def write_rows(sheet: TextIO, columns: Sequence[Column], rows: Iterable[Any]) -> int:
    """Write headers and rows to an open text; return how many rows there were."""
    written = -1  # the headers are no row
    for line in _lines(columns, rows):
        sheet.write(line)
        written += 1
    return written


def write_csv(columns: Sequence[Column], rows: Iterable[Any]) -> bytes:
    return "".join(_lines(columns, rows)).encode(ENCODING)


def stream_csv(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[bytes]:
    """Yield the CSV in pieces as it is sent, however long it becomes."""
    lines = _lines(columns, rows)
    mark = "\ufeff"
    while piece := "".join(islice(lines, PIECE)):
        yield (mark + piece).encode()
        mark = ""


def _lines(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[str]:
    write = csv.writer(_Line()).writerow
    yield write(header for header, _ in columns)
    for row in rows:
        yield write(harmless(value(row)) for _, value in columns)


class _Line:
    """What csv writes a line to; its answer is the line."""

    def write(self, line: str) -> str:
        return line


def harmless(value: Any) -> str:
    """Keep spreadsheets from running what a customer typed: =, +, -, @ and friends start a text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    text = str(value)
    is_formula = text.lstrip(" ").startswith(_FORMULA)
    return f"'{text}" if is_formula and not isinstance(value, int | float | Decimal) else text
