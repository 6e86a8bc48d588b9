"""Backups under write load, their restore, their proof, and everything that must be refused."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils.timezone import now

from accounts.management.commands import setup_database
from accounts.models import Organization
from config import tasks
from config.operations.backups import archive, counting, restoring
from config.operations.backups.archive import Proof
from config.operations.backups.programs import BackupError, find_program
from config.operations.backups.taking import LOCK, AlreadyRunning, take_backup
from config.operations.gauges import House
from tests import services
from tests.conftest import make_people

pytestmark = [pytest.mark.usefixtures("live_database", "backup_folder")]
Spare = Callable[[], str]
LOOK = (
    "SELECT n.nspname, c.relname, c.relkind, r.rolname, c.relacl::text, c.relrowsecurity,"
    " c.relforcerowsecurity FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_roles r ON r.oid = c.relowner"
    " WHERE n.nspname IN ('public', 'audit') ORDER BY 1, 2"
)
FUNCTIONS = (
    "SELECT p.oid::regprocedure::text, r.rolname, p.prosecdef, p.proacl::text FROM pg_proc p"
    " JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner"
    " WHERE n.nspname IN ('public', 'audit') ORDER BY 1"
)
TRIGGERS = (
    "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
    " ORDER BY 1, 2"
)
POLICIES = "SELECT schemaname, tablename, policyname, roles::text, qual, with_check FROM pg_policies ORDER BY 1, 2, 3"


def _rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


class Writers:
    """Threads that found organizations, commit by commit, until they are told to stop."""

    def __init__(self, count: int = 2) -> None:
        self.stop = threading.Event()
        self.first_commits = threading.Barrier(count + 1, timeout=30)
        self.failures: list[BaseException] = []
        self.commits = 0
        self.threads = [
            threading.Thread(target=self._write, args=(number,)) for number in range(count)
        ]

    def __enter__(self) -> Writers:
        for thread in self.threads:
            thread.start()
        with contextlib.suppress(threading.BrokenBarrierError):
            self.first_commits.wait()
        assert not self.failures, self.failures
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=30)
        assert not self.failures, self.failures

    def _write(self, number: int) -> None:
        try:
            self._commit(number, 0)
            self.first_commits.wait()
            turn = 1
            while not self.stop.is_set():
                self._commit(number, turn)
                turn += 1
        except BaseException as failure:
            self.failures.append(failure)
            self.first_commits.abort()
        finally:
            connections.close_all()

    def _commit(self, number: int, turn: int) -> None:
        Organization.objects.create(name=f"Load {number}, {turn}")
        self.commits += 1


def test_a_backup_taken_under_write_load_restores_with_equal_rows_owners_and_rights(
    spare_database: Spare,
) -> None:
    make_people()
    source = services.admin_url(f"test_{services.WORKER}")
    with Writers() as writers:
        before = writers.commits
        backup = take_backup(at=now())
        during = writers.commits - before
    assert during > 0
    written = backup.manifest.rows["public.accounts_organization"]
    assert 0 < written < Organization.objects.count()
    call_command("restore", backup.name, to=spare_database(), noinput=True)
    with psycopg.connect(spare_database()) as connection:
        assert counting.count_rows(connection) == backup.manifest.rows
    for look in (LOOK, FUNCTIONS, TRIGGERS, POLICIES):
        assert _rows(spare_database(), look) == _rows(source, look)
    assert backup.manifest.migrations["accounts"].startswith("00")
    assert backup.manifest.server_version.startswith("1")


def test_a_sealed_backup_is_unreadable_at_rest_and_restores_with_its_key(
    spare_database: Spare, settings: Any
) -> None:
    newer, older = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.BACKUP_KEYS = [older]
    make_people()
    backup = take_backup(at=now())
    assert b"PGDMP" not in backup.dump.read_bytes()
    settings.BACKUP_KEYS = [newer, older]
    call_command("restore", "newest", to=spare_database(), noinput=True)
    assert _rows(spare_database(), "SELECT count(*) FROM accounts_user") == [(3,)]
    settings.BACKUP_KEYS = [newer]
    with pytest.raises(CommandError, match="is not in BACKUP_KEYS"):
        call_command("restore", "newest", to=spare_database(), noinput=True, force=True)
    assert _rows(spare_database(), "SELECT count(*) FROM accounts_user") == [(3,)]


def test_files_are_for_the_owners_eyes_alone() -> None:
    backup = take_backup(at=now())
    assert stat.S_IMODE(backup.folder.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(backup.folder.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(file.stat().st_mode) for file in backup.folder.iterdir()}
    assert modes == {0o600}


def test_a_database_that_holds_tables_is_refused_and_with_force_it_is_kept_aside(
    spare_database: Spare,
) -> None:
    make_people()
    backup = take_backup(at=now())
    call_command("restore", backup.name, to=spare_database(), noinput=True)
    with psycopg.connect(spare_database(), autocommit=True) as connection:
        connection.execute("DELETE FROM django_session")
        connection.execute("CREATE TABLE later (id int)")
        # A client that stays connected is put out; it does not hold up the restore.
        with pytest.raises(CommandError, match="holds tables"):
            call_command("restore", backup.name, to=spare_database(), noinput=True)
        call_command("restore", backup.name, to=spare_database(), noinput=True, force=True)
    assert _rows(spare_database(), "SELECT to_regclass('later')") == [(None,)]
    name = f"spare_{services.WORKER}_replaced%"
    found = _rows(
        services.admin_url("postgres"),
        f"SELECT datname FROM pg_database WHERE datname LIKE '{name}'",
    )
    assert len(found) == 1
    assert _rows(services.admin_url(found[0][0]), "SELECT count(*) FROM later") == [(0,)]


def test_a_dump_that_was_touched_is_refused_before_anything_happens(spare_database: Spare) -> None:
    backup = take_backup(at=now())
    content = bytearray(backup.dump.read_bytes())
    content[len(content) // 2] ^= 1
    backup.dump.write_bytes(content)
    with pytest.raises(CommandError, match="not the one that was written"):
        call_command("restore", backup.name, to=spare_database(), noinput=True)
    with pytest.raises(CommandError, match="not the one that was written"):
        call_command("verify_backup")
    proof = archive.find(backup.name).proof
    assert proof
    assert not proof.is_good
    with pytest.raises(psycopg.OperationalError):
        _rows(spare_database(), "SELECT 1")


def test_of_two_backups_at_once_one_refuses() -> None:
    with psycopg.connect(os.environ["DATABASE_BACKUP_URL"], autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with pytest.raises(AlreadyRunning):
            take_backup(at=now())
        tasks.back_up()
    assert archive.all_backups() == []
    results: list[str] = []

    def take() -> None:
        try:
            results.append(take_backup(at=now()).name)
        except AlreadyRunning:
            results.append("refused")

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert max(results) == "refused"
    assert len(archive.all_backups()) == 1


def test_a_backup_that_fails_leaves_nothing_that_looks_like_one(settings: Any) -> None:
    settings.BACKUP_KEYS = ["not a key"]
    with pytest.raises(BackupError):
        take_backup(at=now())
    assert archive.all_backups() == []
    assert list(Path(settings.BACKUP_DIR).iterdir()) == []


def test_remains_of_a_killed_run_are_not_seen_and_go_with_the_next(settings: Any) -> None:
    remains = archive.begin(now() - timedelta(days=1))
    (remains / archive.DUMP).write_bytes(b"half")
    assert archive.all_backups() == []
    take_backup(at=now())
    assert not remains.exists()
    assert len(archive.all_backups()) == 1


def test_pruning_keeps_the_rule_and_a_dry_run_removes_nothing(capsys: Any) -> None:
    backup = take_backup(at=now() - timedelta(days=400))
    content = {path.name: path.read_bytes() for path in backup.folder.iterdir()}
    for days in range(399, -1, -1):
        folder = archive.begin(now() - timedelta(days=days))
        for name, text in content.items():
            (folder / name).write_bytes(text)
        folder.rename(folder.with_name(folder.name.removeprefix(archive.UNFINISHED)))
    call_command("backup", dry_run=True)
    assert "would be removed" in capsys.readouterr().out
    assert len(archive.all_backups()) == 401
    archive.prune()
    left = archive.all_backups()
    # 30 days, and the last days of those months that the 30 days do not reach.
    assert 30 + 10 <= len(left) <= 30 + 11
    assert archive.prune() == []


def test_pruning_keeps_the_newest_proven_one_so_that_its_age_is_told_for_ever() -> None:
    at = now()
    backup = take_backup(at=at - timedelta(days=800))
    content = {path.name: path.read_bytes() for path in backup.folder.iterdir()}
    for days in (700, 600, *range(500, -1, -1)):
        folder = archive.begin(at - timedelta(days=days))
        for name, text in content.items():
            (folder / name).write_bytes(text if name != archive.DUMP else b"")
        folder.rename(folder.with_name(folder.name.removeprefix(archive.UNFINISHED)))
    *_, failed, proven, older = archive.all_backups()
    for each, found in ((older, []), (proven, []), (failed, ["rows differ"])):
        archive.keep_proof(each, Proof(at.isoformat(), 1.0, found))
    archive.prune()
    names = {each.name for each in archive.all_backups()}
    assert proven.name in names
    assert names.isdisjoint({older.name, failed.name})
    told = {sample.name: sample.value for family in House().collect() for sample in family.samples}
    assert told["switchyard_backup_proven_age_seconds"] == pytest.approx(700 * 86_400, abs=600)
    assert told["switchyard_backup_proof_good"] == 1


def test_a_backup_that_cannot_be_read_is_named_and_hides_no_other(capsys: Any) -> None:
    whole = take_backup(at=now() - timedelta(days=2))
    broken = take_backup(at=now() - timedelta(days=1))
    (broken.folder / archive.MANIFEST).write_text('{"taken_at": "20')
    (whole.folder / archive.PROOF).write_text("[")
    assert [backup.name for backup in archive.all_backups()] == [whole.name]
    assert len(archive.unreadable()) == 1
    proof = archive.find(whole.name).proof
    assert proof
    assert not proof.is_good
    call_command("backup", list=True)
    said = capsys.readouterr()
    assert f"{whole.name} " in said.out
    assert f"manifest of {broken.name} cannot be read" in said.err
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_backup")
    call_command("verify_backup", whole.name)
    proof = archive.find(whole.name).proof
    assert proof
    assert proof.is_good
    call_command("backup")
    assert broken.folder.exists(), "what cannot be judged is not removed"


def test_pruning_and_a_backup_that_begins_leave_each_other_alone() -> None:
    """Pruning is outside the lock: a run that begins meanwhile clears up after dead ones."""
    backup = take_backup(at=now() - timedelta(days=900))
    content = {path.name: path.read_bytes() for path in backup.folder.iterdir()}
    for minutes in range(200):
        folder = archive.begin(now() - timedelta(days=800, minutes=minutes))
        for name, text in content.items():
            (folder / name).write_bytes(text if name != archive.DUMP else b"")
        folder.rename(folder.with_name(folder.name.removeprefix(archive.UNFINISHED)))
    ready = threading.Barrier(3, timeout=30)
    failures: list[BaseException] = []

    def prune() -> None:
        try:
            ready.wait()
            archive.prune()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=prune) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait()
    while any(thread.is_alive() for thread in threads):
        archive.begin(now()).rmdir()
    assert failures == []
    assert list(archive.root().glob(".*")) == []


def test_of_two_restores_at_once_one_refuses(spare_database: Spare) -> None:
    backup = take_backup(at=now())
    with psycopg.connect(services.admin_url("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK + 2])
        with pytest.raises(CommandError, match="Another restore is running"):
            call_command("restore", backup.name, to=spare_database(), noinput=True)
    call_command("restore", backup.name, to=spare_database(), noinput=True)


def test_a_restore_drops_what_a_dead_one_left_and_nobody_elses_database(
    spare_database: Spare,
) -> None:
    backup = take_backup(at=now())
    name = f"spare_{services.WORKER}_restoring"
    with psycopg.connect(services.admin_url("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(services.admin_url(name)) as connection:
            connection.execute("CREATE TABLE theirs (id int)")
        with pytest.raises(CommandError, match=f"{name} is in the way"):
            call_command("restore", backup.name, to=spare_database(), noinput=True)
        assert _rows(services.admin_url(name), "SELECT count(*) FROM theirs") == [(0,)]
        server.execute(f"COMMENT ON DATABASE {name} IS '{restoring.UNFINISHED}'")
    call_command("restore", backup.name, to=spare_database(), noinput=True)
    remark = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    assert _rows(spare_database(), remark) == [(None,)]


def test_a_file_that_is_gone_fails_the_proof() -> None:
    backup = take_backup(at=now())
    backup.dump.unlink()
    with pytest.raises(CommandError, match="No such file"):
        call_command("verify_backup")
    proof = archive.find(backup.name).proof
    assert proof
    assert not proof.is_good


def test_passwords_of_roles_leave_this_machine_as_verifiers() -> None:
    url = services.role_urls(f"test_{services.WORKER}")["DATABASE_BACKUP_URL"]
    with psycopg.connect(services.admin_url(f"test_{services.WORKER}")) as connection:
        # A server that is sent the clear text makes what this says of it.
        connection.execute("SET LOCAL password_encryption = 'md5'")
        setup_database.install(connection, [url])
        connection.execute("RESET ROLE")
        kept = connection.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 'switchyard_backup'"
        ).fetchone()
        connection.rollback()
    assert kept
    assert kept[0].startswith("SCRAM-SHA-256$")


def test_the_backup_role_can_read_everything_and_change_nothing() -> None:
    make_people()
    with psycopg.connect(os.environ["DATABASE_BACKUP_URL"], autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM accounts_membership").fetchone() == (3,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM accounts_membership")
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM accounts_membership")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine (id int)")


def test_a_program_older_than_the_server_is_refused_with_the_package_to_install() -> None:
    with pytest.raises(BackupError, match="postgresql-client-99"):
        find_program("pg_dump", server_major=99)


def test_a_verified_backup_says_so_and_leaves_no_scratch_database(capsys: Any) -> None:
    make_people()
    backup = take_backup(at=now())
    call_command("verify_backup")
    said = capsys.readouterr().out
    assert "restores" in said
    proof = archive.find(backup.name).proof
    assert proof
    assert proof.is_good
    assert proof.audit
    left = _rows(
        services.admin_url("postgres"),
        "SELECT datname FROM pg_database WHERE datname LIKE 'switchyard_proof%'",
    )
    assert left == []


def test_rows_that_differ_from_the_manifest_fail_the_proof() -> None:
    make_people()
    backup = take_backup(at=now())
    file = backup.folder / archive.MANIFEST
    manifest = json.loads(file.read_text())
    manifest["rows"]["public.accounts_user"] += 1
    file.write_text(json.dumps(manifest))
    with pytest.raises(CommandError, match=r"accounts_user: 4 in the manifest, 3 restored"):
        call_command("verify_backup")
