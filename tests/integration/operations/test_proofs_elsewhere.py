"""Proofs on a server of their own, and what a dump of TimescaleDB asks of one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from config.embedded.postgres import ADMINISTRATOR, Postgres
from config.operations.backups import archive
from config.operations.backups.archive import Backup
from config.operations.backups.programs import find_program
from config.operations.backups.taking import take_backup
from tests.conftest import make_people
from tests.settled import seal_rows

pytestmark = [pytest.mark.usefixtures("live_database", "backup_folder")]
VERSION = "2.29.2"
# What is asked of the extension around a restore, and what it says to who is no superuser.
STAND_IN = """
CREATE FUNCTION timescaledb_pre_restore() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'permission denied to set parameter "timescaledb.restoring"';
    END IF;
    EXECUTE format('ALTER DATABASE %I SET timescaledb.restoring = ''on''', current_database());
    RETURN true;
END $$;
CREATE FUNCTION timescaledb_post_restore() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('timescaledb.restoring', true) IS DISTINCT FROM 'on' THEN
        RAISE 'no restore was announced';
    END IF;
    EXECUTE format('ALTER DATABASE %I RESET timescaledb.restoring', current_database());
    RETURN true;
END $$;
"""
# Another version than the one that was dumped, as after an upgrade of the server's programs.
CONTROL = "default_version = '9.9.9'\nrelocatable = false\ntrusted = true\nschema = public\n"


@pytest.fixture
def timescale(scratch_server: Postgres) -> Postgres:
    """The scratch server with a stand-in for the extension, and a role that may make databases."""
    folder = scratch_server.place.make_folder("stand-in")
    shutil.rmtree(folder / "extension", ignore_errors=True)
    (folder / "extension").mkdir(mode=0o755)
    (folder / "extension" / "timescaledb.control").write_text(CONTROL)
    (folder / "extension" / f"timescaledb--{VERSION}.sql").write_text(STAND_IN)
    with psycopg.connect(scratch_server.url("postgres"), autocommit=True) as server:
        server.execute("DROP ROLE IF EXISTS clerk")
        server.execute("CREATE ROLE clerk LOGIN CREATEDB PASSWORD 'test'")
        for role in ("clerk", ADMINISTRATOR):
            server.execute(f"ALTER ROLE {role} SET extension_control_path = '{folder}:$system'")
    return scratch_server


@pytest.fixture
def calls_of_pg_restore(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Have each call of pg_restore written to a file."""
    folder, said = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    real = find_program("pg_restore", server_major=18).path
    program = folder / "pg_restore"
    program.write_text(f'#!/bin/sh\necho "$*" >> {said}\nexec {real} "$@"\n')
    program.chmod(0o755)
    settings.POSTGRES_BIN = str(folder)
    find_program.cache_clear()
    yield said
    find_program.cache_clear()


def _as_of_timescale(backup: Backup) -> Backup:
    """Let the manifest tell of TimescaleDB."""
    manifest = asdict(backup.manifest)
    manifest["extensions"]["timescaledb"] = VERSION
    (backup.folder / archive.MANIFEST).write_text(json.dumps(manifest))
    return archive.read(backup.folder)


def test_a_backup_is_proven_with_its_trail_on_a_server_that_knows_none_of_our_roles(
    scratch_server: Postgres, settings: Any
) -> None:
    settings.DATABASE_VERIFY_URL = scratch_server.url("postgres")
    make_people()
    seal = seal_rows()
    assert seal
    backup = take_backup(at=now())
    call_command("verify_backup")
    proof = archive.find(backup.name).proof
    assert proof
    assert proof.differences == []
    assert f"1 seals, {seal.row_count:,} rows hashed again" in proof.audit
    with psycopg.connect(scratch_server.url("postgres")) as server:
        databases = [name for (name,) in server.execute("SELECT datname FROM pg_database")]
        with_password = server.execute(
            "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname <> %s",
            [ADMINISTRATOR],
        ).fetchall()
    assert not [name for name in databases if name.startswith("switchyard_proof")]
    assert not with_password, "nobody can log in as one of them"


def test_a_dump_of_timescaledb_is_proven_as_a_superuser_in_its_version_by_one_job(
    timescale: Postgres, settings: Any, calls_of_pg_restore: Path
) -> None:
    settings.DATABASE_VERIFY_URL = timescale.url("postgres")
    make_people()
    _as_of_timescale(take_backup(at=now()))
    call_command("verify_backup")
    assert "--jobs=1 " in calls_of_pg_restore.read_text()


def test_a_plain_dump_is_restored_by_several_jobs(calls_of_pg_restore: Path) -> None:
    take_backup(at=now())
    call_command("verify_backup")
    assert "--jobs=2 " in calls_of_pg_restore.read_text()


def test_a_dump_of_timescaledb_and_no_superuser_says_what_to_set(
    timescale: Postgres, settings: Any
) -> None:
    address = timescale.url("postgres").rpartition("@")[2]
    settings.DATABASE_VERIFY_URL = f"postgres://clerk:test@{address}"
    backup = _as_of_timescale(take_backup(at=now()))
    with pytest.raises(CommandError, match=r"clerk is none\. .*set DATABASE_VERIFY_URL"):
        call_command("verify_backup")
    proof = archive.find(backup.name).proof
    assert proof
    assert not proof.is_good
