"""Every organization-owned table stands behind row-level security."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import Error, ProgrammingError

from accounts.models import User
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
def test_security_definer_functions_look_into_temporary_tables_last() -> None:
    """PostgreSQL looks there first, for types too, unless the path says otherwise."""
    loose = _rows(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE p.prosecdef AND n.nspname IN ('public', 'audit', 'series') AND NOT EXISTS ("
        "   SELECT 1 FROM unnest(p.proconfig) c WHERE c ~ '^search_path=pg_catalog.*, pg_temp$')"
    )
    assert loose == []


@pytest.mark.parametrize(
    ("trap", "call"),
    [
        (
            "CREATE TEMP VIEW accounts_refreshtoken AS"
            " SELECT pg_temp.note() AS user_id, 'x' AS token_hash",
            "SELECT accounts_owner_of_refresh_token('x')",
        ),
        (
            "CREATE DOMAIN pg_temp.uuid AS pg_catalog.uuid CHECK (pg_temp.note() IS NULL)",
            "SELECT note_user_activity(gen_random_uuid()::text, 'x', NULL)",
        ),
    ],
)
def test_nobody_can_make_a_function_of_the_house_run_code_of_their_own(
    people: People, trap: str, call: str
) -> None:
    """Whoever injects SQL stays the app role, whatever they put into their temporary schema."""
    with behind_the_wall():
        _do("CREATE TEMP TABLE seen (who text)")
        _do("GRANT INSERT ON seen TO PUBLIC")
        _do(
            "CREATE FUNCTION pg_temp.note() RETURNS pg_catalog.uuid LANGUAGE plpgsql AS $$"
            " BEGIN INSERT INTO pg_temp.seen VALUES (current_user); RETURN NULL; END $$"
        )
        _do(trap)
        _do("GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC")
        with contextlib.suppress(Error), transaction.atomic():
            _do(call)
        assert _rows("SELECT who FROM pg_temp.seen WHERE who <> 'switchyard_app'") == []


def _do(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("change", ["role = 'admin'", "is_superuser = true"])
def test_the_site_appoints_no_staff(people: People, change: str) -> None:
    """Whoever injects SQL into the web process does not come into the back office."""
    with behind_the_wall():
        with pytest.raises(ProgrammingError, match="appointed"), transaction.atomic():
            _do(f"UPDATE accounts_user SET {change} WHERE id = '{people.bob.pk}'")
        with pytest.raises(ProgrammingError, match="appointed"), transaction.atomic():
            User.objects.create(email="eve@example.com", username="eve", role="support")
        _do(f"UPDATE accounts_user SET first_name = 'Rob' WHERE id = '{people.bob.pk}'")
    _do(f"UPDATE accounts_user SET {change} WHERE id = '{people.bob.pk}'")
    with behind_the_wall():
        _do(f"UPDATE accounts_user SET last_login = now() WHERE id = '{people.bob.pk}'")
