"""Every organization-owned table stands behind row-level security."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from config.kit import context
from tests.conftest import People, behind_the_wall

TABLES_WITH_OWNER = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
           EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND (
        c.relname = 'accounts_organization' OR EXISTS (
            SELECT 1 FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped))
"""


READABLE = TABLES_WITH_OWNER + " AND has_table_privilege('switchyard_app', c.oid, 'SELECT')"


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@pytest.mark.usefixtures("db")
def test_every_owned_table_forces_its_policy() -> None:
    rows = _rows(TABLES_WITH_OWNER)
    assert len(rows) > 10
    assert [
        name for name, enabled, forced, policy in rows if not (enabled and forced and policy)
    ] == []


@pytest.mark.usefixtures("db")
def test_no_role_that_logs_in_owns_or_bypasses_what_it_should_not() -> None:
    roles = {
        name: (is_super, bypass)
        for name, is_super, bypass in _rows(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname LIKE 'switchyard_%'"
        )
    }
    assert roles["switchyard_app"] == (False, False)
    assert roles["switchyard_owner"] == (False, False)
    assert roles["switchyard_system"] == (False, True)
    owners = {owner for (owner,) in _rows(
        "SELECT DISTINCT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'audit')"
    )}  # fmt: skip
    assert owners <= {"switchyard_owner", "switchyard_audit", "switchyard_lookup"}


def test_another_tenants_rows_are_invisible_and_unwritable(people: People) -> None:
    with behind_the_wall(), context.acting(organization_id=people.other.pk):
        for table, *_ in _rows(READABLE):
            column = "id" if table == "accounts_organization" else "organization_id"
            seen = _rows(
                f"SELECT count(*) FROM {table} WHERE {column} = '{people.organization.pk}'"
            )
            assert seen == [(0,)], table
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            people.organization.memberships.create(user=people.charlie, role="owner")


def test_without_a_tenant_nothing_is_visible(people: People) -> None:
    with behind_the_wall(), context.use(context.Context()):
        for table, *_ in _rows(READABLE):
            assert _rows(f"SELECT count(*) FROM {table}") == [(0,)], table


@pytest.mark.usefixtures("db")
def test_security_definer_functions_pin_their_search_path() -> None:
    loose = _rows(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.prosecdef AND n.nspname IN ('public', 'audit') AND NOT EXISTS ("
        "   SELECT 1 FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')"
    )
    assert loose == []
