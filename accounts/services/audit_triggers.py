"""Puts the audit trigger on every table that an app has registered, after each migration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from django.apps import apps
from django.db import connections

from config.kit import context
from config.kit.audited import Audited, Unaudited


def audited_tables() -> Iterator[Audited]:
    for app in apps.get_app_configs():
        yield from getattr(app, "audited", ())


def unaudited_tables() -> Iterator[Unaudited]:
    for app in apps.get_app_configs():
        yield from getattr(app, "unaudited", ())


_migration = ExitStack()


def name_migration(**_: Any) -> None:
    """Let what a migration writes be told from what anybody wrote past the application."""
    _migration.enter_context(context.acting(actor_kind="migration"))


def attach_after_migrate(*, using: str, **_: Any) -> None:
    """Create or replace both triggers on each registered table that exists by now."""
    _migration.close()
    connection = connections[using]
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        for entry in audited_tables():
            if entry.table in existing:
                cursor.execute(_statement(entry))


def _statement(entry: Audited) -> str:
    arguments = ", ".join(
        f"'{value}'"
        for value in (
            entry.key,
            _array(entry.skip),
            _array(entry.mask),
            _array(entry.pii),
            entry.subject or entry.key,
            entry.organization,
        )
    )
    return (
        f"CREATE OR REPLACE TRIGGER zz_audit AFTER INSERT OR UPDATE OR DELETE ON {entry.table}"
        f" FOR EACH ROW EXECUTE FUNCTION audit.capture_row({arguments});"
        f"CREATE OR REPLACE TRIGGER zz_audit_truncate AFTER TRUNCATE ON {entry.table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION audit.capture_truncate();"
    )


def _array(names: tuple[str, ...]) -> str:
    return "{" + ",".join(names) + "}"
