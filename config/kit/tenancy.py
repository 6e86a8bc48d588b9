"""The second wall: row-level security policies, written in one line per table.

Every organization-owned table is read through `.for_organization(org)` first; PostgreSQL refuses
what slips past. Settings are made per transaction by `config.kit.postgres`.
"""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.migrations import RunSQL

_ORGANIZATION = "(SELECT nullif(current_setting('app.current_org_id', true), '')::uuid)"
_USER = "(SELECT nullif(current_setting('app.current_user_id', true), '')::uuid)"


class OrganizationQuerySet(models.QuerySet[Any]):
    """The QuerySet of organization-owned models: every customer read starts here."""

    def for_organization(self, organization: models.Model | UUID) -> Self:
        key = organization if isinstance(organization, UUID) else organization.pk
        return self.filter(organization_id=key)


def isolate(table: str, *, column: str = "organization_id", own_column: str = "") -> RunSQL:
    """Give `table` its policy: rows of the current organization only, for reads and writes.

    `own_column` names a user column whose rows the current user may read (not write) even
    before an organization is chosen: their own memberships.
    """
    ours = f"{column} = {_ORGANIZATION}"
    extra = (
        f"CREATE POLICY {table}_own ON {table} FOR SELECT USING ({own_column} = {_USER});"
        if own_column
        else ""
    )
    return RunSQL(
        sql=(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
            f"CREATE POLICY {table}_organization ON {table} USING ({ours}) WITH CHECK ({ours});"
            f"{extra}"
        ),
        reverse_sql=(
            f"DROP POLICY IF EXISTS {table}_own ON {table};"
            f"DROP POLICY {table}_organization ON {table};"
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;"
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        ),
    )


def isolate_person(table: str, *, or_nobodys: bool = False) -> RunSQL:
    """Give a table of personal rows its policy: each person reads and writes their own only.

    `or_nobodys` lets everybody see rows that have no person yet.
    """
    ours = f"user_id = {_USER}" + (" OR user_id IS NULL" if or_nobodys else "")
    return RunSQL(
        sql=(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
            f"CREATE POLICY {table}_person ON {table} USING ({ours}) WITH CHECK ({ours});"
        ),
        reverse_sql=(
            f"DROP POLICY {table}_person ON {table};"
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;"
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        ),
    )


def keep_timestamps(*tables: str) -> RunSQL:
    """Let a trigger set `updated_at` on each update that changes a row of `tables`."""
    return RunSQL(
        sql="".join(
            f"CREATE TRIGGER {table}_touch BEFORE UPDATE ON {table}"
            " FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)"
            " EXECUTE FUNCTION touch_updated_at();"
            for table in tables
        ),
        reverse_sql="".join(f"DROP TRIGGER {table}_touch ON {table};" for table in tables),
    )


def forbid(table: str, *verbs: str, role: str = "switchyard_app") -> RunSQL:
    """Take privileges from a role on one table, for example UPDATE and DELETE on a ledger."""
    verbs_sql = ", ".join(verbs)
    return RunSQL(
        sql=f"REVOKE {verbs_sql} ON {table} FROM {role};",
        reverse_sql=f"GRANT {verbs_sql} ON {table} TO {role};",
    )
