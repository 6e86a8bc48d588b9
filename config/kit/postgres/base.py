"""Django's PostgreSQL backend, which tells each transaction who acts and for whom.

The first statement of every transaction sets app.current_org_id, app.current_user_id and
audit.ctx with `set_config(..., true)`, so they end with the transaction: row-level security and
the audit trigger read them there. A statement outside a transaction gets one of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from config.kit import context

_SET = (
    "SELECT set_config('app.current_org_id', %s, true),"
    " set_config('app.current_user_id', %s, true), set_config('audit.ctx', %s, true)"
)
_READS = ("select", "show", "explain")


class DatabaseWrapper(base.DatabaseWrapper):
    """`announced` is what the open transaction has been told, None when nothing yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.announced: tuple[str, str, str] | None = None
        self.execute_wrappers.append(announce)


def announce(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, details: dict[str, Any]
) -> Any:
    """Execute one statement after telling its transaction the current context, if it is new."""
    here = context.current()
    connection: DatabaseWrapper = details["connection"]
    raw = connection.connection
    if raw is None:
        return execute(sql, params, many, details)
    status = raw.info.transaction_status
    if status == TransactionStatus.IDLE:
        connection.announced = None
    if status == TransactionStatus.INERROR or (here is None and connection.announced is None):
        return _execute(connection, execute, sql, params, many, details)
    if here is None:
        here = context.NOBODY
    if not connection.in_atomic_block and connection.get_autocommit():
        if not here.opens_a_tenant and _word(sql).startswith(_READS):
            return execute(sql, params, many, details)
        with connection.wrap_database_errors, raw.transaction(), raw.cursor() as cursor:
            cursor.execute(_SET, here.settings())
            return execute(sql, params, many, details)
    wanted = here.settings()
    if connection.announced != wanted:
        with connection.wrap_database_errors, raw.cursor() as cursor:
            cursor.execute(_SET, wanted)
        connection.announced = wanted
    return _execute(connection, execute, sql, params, many, details)


def _execute(
    connection: DatabaseWrapper,
    execute: Callable[..., Any],
    sql: Any,
    params: Any,
    many: bool,
    details: dict[str, Any],
) -> Any:
    # A rollback to a savepoint also undoes settings made after it: they must be told again.
    if _word(sql).startswith("rollback"):
        connection.announced = None
    return execute(sql, params, many, details)


def _word(sql: Any) -> str:
    return sql.lstrip()[:9].lower() if isinstance(sql, str) else ""
