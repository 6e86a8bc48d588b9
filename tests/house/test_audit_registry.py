"""AUD-2: a table is in the audit registry, or it says why not."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.services.audit_triggers import audited_tables, unaudited_tables


@pytest.mark.usefixtures("db")
def test_every_table_is_registered_or_exempt() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                       " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')")  # fmt: skip
        tables = {name for (name,) in cursor.fetchall()}
    audited = {entry.table for entry in audited_tables()}
    exempt = {entry.table for entry in unaudited_tables()}
    assert audited & exempt == set()
    assert tables - audited - exempt == set()
    assert (audited | exempt) - tables == set()
    assert all(entry.reason for entry in unaudited_tables())


@pytest.mark.usefixtures("db")
def test_every_registered_table_has_both_triggers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, count(*) FROM pg_trigger"
                       " WHERE tgname IN ('zz_audit', 'zz_audit_truncate') GROUP BY 1")  # fmt: skip
        attached = dict(cursor.fetchall())
    assert attached == {entry.table: 2 for entry in audited_tables()}


@pytest.mark.usefixtures("db")
def test_masked_and_personal_columns_exist() -> None:
    with connection.cursor() as cursor:
        for entry in audited_tables():
            columns = {
                c.name for c in connection.introspection.get_table_description(cursor, entry.table)
            }
            named = {entry.key, *entry.mask, *entry.pii, *(entry.skip or ())} - {"updated_at", ""}
            named |= {name for name in (entry.subject, entry.organization) if name}
            assert named <= columns, entry.table
