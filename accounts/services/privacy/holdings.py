"""Where the house keeps what about whom, from the audit registry of all storeys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.models import Organization, User
from accounts.services.audit_triggers import audited_tables, unaudited_tables
from config.kit.audited import Audited, Unaudited

CHUNK = 1_000
HIDDEN = "***"
JSONB = 3802
"""PostgreSQL's number for the type."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The rows of one table that are about one person or belong to one organization."""

    table: str
    column: str
    key: UUID
    hidden: tuple[str, ...]

    def _where(self) -> str:
        return f'"{self.table}" WHERE "{self.column}" = %s'

    def count(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self._where()}", [self.key])  # noqa: S608
            return int(cursor.fetchone()[0])

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows, secrets shown as ***, by a cursor of the server's."""
        sql = f"SELECT * FROM {self._where()}"  # noqa: S608  names of the registry
        for row in stream(sql, [self.key]):
            yield {
                name: HIDDEN if name in self.hidden and value else value
                for name, value in row.items()
            }


def holdings_of_person(user: User) -> list[Holding]:
    """Return a holding for every table that names persons, also outside the trail."""
    entries: list[Audited | Unaudited] = [*_leaving(), *unaudited_tables()]
    return [
        Holding(entry.table, entry.subject, user.pk, entry.mask)
        for entry in sorted(entries, key=lambda entry: entry.table)
        if entry.subject
    ]


def holdings_of_organization(organization: Organization) -> list[Holding]:
    entries = sorted(_leaving(), key=lambda entry: entry.table)
    return [
        Holding(entry.table, entry.organization, organization.pk, entry.mask)
        for entry in entries
        if entry.organization
    ]


def internal_tables() -> list[str]:
    return [entry.table for entry in audited_tables() if entry.internal]


def _leaving() -> list[Audited]:
    return [entry for entry in audited_tables() if not entry.internal]


def stream(sql: str, values: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query as dictionaries, a thousand in memory at a time."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        yield from _named(cursor)


def _named(cursor: CursorWrapper) -> Iterator[dict[str, Any]]:
    chunk = cursor.fetchmany(CHUNK)
    columns = cursor.description or ()
    names = [column.name for column in columns]
    # Django hands documents over as text, for its own fields to read.
    documents = [column.name for column in columns if column.type_code == JSONB]
    while chunk:
        for row in chunk:
            named = dict(zip(names, row, strict=True))
            for name in documents:
                named[name] = orjson.loads(named[name]) if named[name] is not None else None
            yield named
        chunk = cursor.fetchmany(CHUNK)
