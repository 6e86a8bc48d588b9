"""A folder for backups; databases and a second server that go away afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from config.embedded.postgres import Postgres
from config.embedded.services import start_services
from tests import services


@pytest.fixture
def backup_folder(tmp_path: Path, settings: object) -> Path:
    settings.BACKUP_DIR = str(tmp_path / "backups")
    settings.BACKUP_KEYS = []
    return tmp_path / "backups"


@pytest.fixture
def spare_database() -> Iterator[Callable[[], str]]:
    """Return an administrator's address of a database that does not exist yet."""
    name = f"spare_{services.WORKER}"

    def drop() -> None:
        with psycopg.connect(services.admin_url("postgres"), autocommit=True) as server:
            for (found,) in server.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{name}%"]
            ).fetchall():
                server.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(found))
                )

    drop()
    yield lambda: services.admin_url(name)
    drop()


@pytest.fixture(scope="module")
def scratch_server() -> Iterator[Postgres]:
    """Another cluster, which has none of our roles."""
    running = start_services(
        services.VAR / f"scratch-{services.WORKER}",
        fast=True,
        environment={"REDIS_URL": "redis://not-needed"},
    )
    (owned,) = running.owned
    assert isinstance(owned.server, Postgres)
    try:
        yield owned.server
    finally:
        running.stop()
        shutil.rmtree(owned.server.home)
