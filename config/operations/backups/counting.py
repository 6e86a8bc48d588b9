"""What a database holds, as far as two of them can be compared by it: rows, migrations, extensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

# Leaves of partitioned tables count for themselves; an extension's own tables are its business.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^(pg_toast|pg_temp|_timescaledb)'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
Told = Callable[[int, int], object]


def count_rows(
    connection: psycopg.Connection[Any], *, told: Told = lambda done, total: None
) -> dict[str, int]:
    """Count every table exactly, in the transaction that is open; `told` hears done and total."""
    tables = connection.execute(_TABLES).fetchall()
    rows: dict[str, int] = {}
    for done, (schema, table) in enumerate(tables, 1):
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        found = connection.execute(query).fetchone()
        assert found
        rows[f"{schema}.{table}"] = found[0]
        told(done, len(tables))
    return rows


def newest_migrations(connection: psycopg.Connection[Any]) -> dict[str, str]:
    known = connection.execute("SELECT to_regclass('public.django_migrations')").fetchone()
    if not known or known[0] is None:
        return {}
    return dict(
        connection.execute("SELECT app, max(name) FROM django_migrations GROUP BY app").fetchall()
    )


def extensions(connection: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(connection.execute("SELECT extname, extversion FROM pg_extension").fetchall())


def differences(expected: dict[str, int], found: dict[str, int]) -> list[str]:
    """Name each table whose rows differ."""
    return [
        f"{table}: {expected.get(table, 'no table')} in the manifest, "
        f"{found.get(table, 'no table')} restored"
        for table in sorted({*expected, *found})
        if expected.get(table) != found.get(table)
    ]
