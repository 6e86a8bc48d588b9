"""Care of indexes and statistics: what a database needs that autovacuum does not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import DatabaseError, connection
from psycopg import sql

from config.operations.rules import bloat

logger = structlog.get_logger(__name__)
_LEFT_BEHIND = ("_ccnew", "_ccold")
# B-trees with the mean width of their keys; partitioned indexes have no pages of their own. A key
# that is an expression has statistics under the index's own name.
_INDEXES = """
SELECT n.nspname, c.relname, t.relname, pg_relation_size(c.oid), c.reltuples, i.indisvalid,
       i.indisunique OR i.indisprimary OR i.indisexclusion OR i.indisreplident,
       coalesce(u.idx_scan, 0),
       coalesce((
           SELECT sum(coalesce(p.avg_width, 32))
           FROM pg_attribute a
           LEFT JOIN pg_stats p ON p.schemaname = n.nspname AND (
               p.tablename = t.relname AND p.attname = a.attname OR p.tablename = c.relname
               AND p.attname = a.attname)
           WHERE a.attrelid = c.oid AND a.attnum > 0
       ), 32),
       pg_has_role(c.relowner, 'USAGE') OR {maintains}
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am am ON am.oid = c.relam AND am.amname = 'btree'
LEFT JOIN pg_stat_user_indexes u ON u.indexrelid = c.oid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
ORDER BY 4 DESC"""
# From PostgreSQL 17 on, a table's upkeep may be granted without its ownership.
_MAINTAINS = "has_table_privilege(t.oid, 'MAINTAIN')"


@dataclass(frozen=True, slots=True)
class Index:
    schema: str
    name: str
    table: str
    size: int
    rows: float
    is_valid: bool
    is_constraint: bool
    scans: int
    key_width: float
    is_ours: bool

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def is_left_behind(self) -> bool:
        """A concurrent rebuild that failed leaves an invalid twin, which nothing uses."""
        return not self.is_valid and self.name.rstrip("0123456789").endswith(_LEFT_BEHIND)

    @property
    def is_unused(self) -> bool:
        return self.is_valid and not self.scans and not self.is_constraint

    def is_bloated(self, least: int) -> bool:
        return bloat.is_bloated(self.size, self.rows, self.key_width, least=least)


def indexes() -> list[Index]:
    """Return every B-tree, the largest first; sizes in bytes."""
    knows_maintain = connection.cursor().connection.info.server_version >= 170_000
    statement = _INDEXES.format(maintains=_MAINTAINS if knows_maintain else "false")
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [Index(*row) for row in cursor.fetchall()]


def drop_left_behind(index: Index) -> str:
    return _do(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}"), index)


def rebuild(index: Index) -> str:
    """Rebuild an index beside the old one; writers go on meanwhile."""
    return _do(sql.SQL("REINDEX INDEX CONCURRENTLY {}"), index)


def analyze() -> None:
    """Renew the planner's statistics, which also correct the row counts that bloat is judged by."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _do(statement: sql.SQL, index: Index) -> str:
    """Run a statement outside any transaction; return "" or why it failed."""
    with _patience(), connection.cursor() as cursor:
        try:
            cursor.execute(statement.format(sql.Identifier(index.schema, index.name)))
        except DatabaseError as error:
            logger.warning("index.not_rebuilt", index=str(index), error=str(error).strip())
            return str(error).strip()
    return ""


@contextmanager
def _patience() -> Iterator[None]:
    """Wait for long transactions, which a concurrent rebuild has to, but not for ever."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10min'")
        cursor.execute("SET statement_timeout = 0")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
            cursor.execute("RESET statement_timeout")


def size_of(index: Index) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_relation_size(to_regclass(%s))", [f'"{index.schema}"."{index.name}"']
        )
        row: Any = cursor.fetchone()
    return int(row[0] or 0)
