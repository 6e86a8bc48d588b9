"""Starts PostgreSQL and Redis for the tests, before Django reads its settings.

Loaded with `-p tests.services`. Each xdist worker gets a database of its own, cloned from a
template that all migrations have built once, and a Redis database of its own.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from accounts.management.commands.setup_database import install
from config.embedded.services import start_services

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("SWITCHYARD_TEST_VAR", ROOT / "var" / "test"))
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
ROLES = {
    "OWNER": "switchyard_owner", "APP": "switchyard_app", "SYSTEM": "switchyard_system",
    "BACKUP": "switchyard_backup",
}  # fmt: skip
STARTED = "SWITCHYARD_TEST_ADMIN_URL"
DEAF_TO = "SWITCHYARD_TEST_DEAF_TO"


def admin_url(database: str | None = None) -> str:
    return with_database(os.environ[STARTED], database) if database else os.environ[STARTED]


def with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def role_urls(database: str) -> dict[str, str]:
    """Return the DATABASE_<ROLE>_URL variables for one database of the test server."""
    host = urlsplit(os.environ[STARTED]).netloc.rpartition("@")[2]
    return {
        f"DATABASE_{name}_URL": f"postgres://{role}:test@{host}/{database}"
        for name, role in ROLES.items()
    }


def redis_url(number: int) -> str:
    return urlunsplit(urlsplit(os.environ["SWITCHYARD_TEST_REDIS_URL"])._replace(path=f"/{number}"))


def clone(database: str) -> None:
    """Make `database` a fresh copy of the migrated template."""
    with psycopg.connect(admin_url(), autocommit=True) as connection:
        name = sql.Identifier(database)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                name, sql.Identifier(template())
            )
        )


def template() -> str:
    """Return the name of the template database for the migrations as they are now."""
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("*/migrations/*.py"), *ROOT.glob("accounts/sql/*.sql"),
                        *ROOT.glob("*/apps.py"), ROOT / "config/kit/tenancy.py",
                        *ROOT.glob("config/kit/timeseries/*.py")]):  # fmt: skip
        digest.update(path.read_bytes())
    return f"template_{digest.hexdigest()[:16]}"


def build_template() -> None:
    """Migrate the template database once; other workers wait for it."""
    with open(VAR / "template.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        name = template()
        with psycopg.connect(admin_url(), autocommit=True) as connection:
            if connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone():
                return
            fresh = sql.Identifier(f"{name}_new")
            # A run that was ended while it migrated left its half behind.
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(fresh))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(fresh))
        _migrate(f"{name}_new")
        with psycopg.connect(admin_url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(f"{name}_new"), sql.Identifier(name)
                )
            )


def _migrate(database: str) -> None:
    urls = role_urls(database)
    with psycopg.connect(admin_url(database)) as connection:
        install(connection, list(urls.values()))
        connection.execute("RESET ROLE")
        # Lets a test step behind the wall inside its own transaction (SET ROLE).
        connection.execute("GRANT switchyard_app, switchyard_owner TO switchyard_system")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"],
        cwd=ROOT,
        check=True,
        env={**os.environ, **urls, "DATABASE_ROLE": "owner", "SWITCHYARD_PROCESS": "command"},
    )


def _let_children_hear() -> None:
    """Hand no ignored signal on: processes of tests that wait for it would never end.

    Under `nohup`, and behind a script's `&`, signals are ignored, and every child inherits that.
    A handler is not inherited: the suite stays as deaf as it was started, its workers too.
    """
    if DEAF_TO not in os.environ:
        ignored = [
            number.name
            for number in (signal.SIGINT, signal.SIGHUP)
            if signal.getsignal(number) is signal.SIG_IGN
        ]
        os.environ[DEAF_TO] = " ".join(ignored)
    for name in os.environ[DEAF_TO].split():
        signal.signal(signal.Signals[name], lambda *_: None)


def _prepare() -> None:
    if STARTED not in os.environ:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "REDIS_URL"}
        }
        services = start_services(VAR, database_name="admin", fast=True, environment=environment)
        atexit.register(services.stop)
        os.environ[STARTED] = services.database_url
        os.environ["SWITCHYARD_TEST_REDIS_URL"] = services.redis_url
    number = int(WORKER[2:]) if WORKER.startswith("gw") else 14
    os.environ.update(role_urls(f"test_{WORKER}"))
    os.environ["REDIS_URL"] = redis_url(number)
    os.environ["SWITCHYARD_PROCESS"] = "command"
    os.environ["SWITCHYARD_VAR"] = str(VAR / WORKER)
    os.environ.setdefault("STRIPE_WEBHOOK_SECRET", "whsec_test")
    # Sealed here, read by workers that tests start: those refuse the published key.
    os.environ.setdefault("SWITCHYARD_SECRETS_KEY", "dGVzdHMtb2Ytc3dpdGNoeWFyZC0wMTIzNDU2Nzg5ISE=")
    os.environ.setdefault("LOG_LEVEL", "ERROR")


_let_children_hear()
_prepare()
