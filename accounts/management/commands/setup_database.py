"""Create the database roles and the audit schema; repeatable, run as an administrator."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
import psycopg
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql

_SQL = Path(__file__).resolve().parent.parent.parent / "sql"
ROLES = ("OWNER", "APP", "SYSTEM", "BACKUP")


class Command(BaseCommand):
    help = (
        "Create the roles switchyard_owner, switchyard_app, switchyard_system, "
        "switchyard_backup and the audit schema in the database of DATABASE_URL (an "
        "administrator's address). Passwords are those in DATABASE_OWNER_URL, DATABASE_APP_URL, "
        "DATABASE_SYSTEM_URL and, if given, DATABASE_BACKUP_URL. Repeatable."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        env = environ.Env()
        try:
            admin = env.str("DATABASE_URL")
            urls = [env.str(f"DATABASE_{name}_URL") for name in ROLES[:3]]
        except environ.ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if backup := env.str("DATABASE_BACKUP_URL", default=""):
            urls.append(backup)
        with psycopg.connect(admin) as connection:
            install(connection, urls)
        self.stdout.write("Roles and audit schema are in place.")


def install(connection: psycopg.Connection[Any], urls: list[str]) -> None:
    """Bring roles, privileges and the audit schema to this version, in one transaction."""
    install_roles(connection)
    connection.execute((_SQL / "privileges.sql").read_bytes())
    for url in urls:
        parts = urlsplit(url)
        if parts.username and parts.password:
            _set_password(connection, unquote(parts.username), unquote(parts.password))
    connection.execute("GRANT switchyard_audit TO CURRENT_USER")
    connection.execute(
        sql.SQL("GRANT CREATE ON DATABASE {} TO switchyard_audit").format(
            sql.Identifier(connection.info.dbname)
        )
    )
    connection.execute((_SQL / "audit.sql").read_bytes())


def _set_password(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    """Send the verifier, never the password: statements may end in the server's log."""
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(verifier.decode())
        )
    )


def install_roles(connection: psycopg.Connection[Any]) -> None:
    """Bring the server's roles to this version; the database itself stays as it is."""
    connection.execute((_SQL / "roles.sql").read_bytes())
