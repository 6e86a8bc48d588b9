"""Proving a backup: restore it into a scratch database, count, and verify the audit chain there."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import structlog
from django.conf import settings
from psycopg import sql

from accounts.management.commands import setup_database
from config.operations.backups import archive, counting
from config.operations.backups.archive import Backup, Proof
from config.operations.backups.programs import WRITES, BackupError, with_database
from config.operations.backups.restoring import require_whole, run_pg_restore
from config.operations.backups.taking import LOCK, AlreadyRunning, Told

logger = structlog.get_logger(__name__)
_PREFIX = "switchyard_proof_"
# A seal may be signed before the snapshot and committed after it.
_UNDER_WAY = timedelta(minutes=5)
_DROP_ATTEMPTS = 3


def verify_backup(backup: Backup, *, at: datetime, told: Told = lambda step, value: None) -> Proof:
    """Restore `backup` into a scratch database, compare, remove it, and keep what was found.

    The backup role does it alone: it makes the scratch database and owns everything in it, so no
    administrator's password is needed. A dump of TimescaleDB takes a superuser: that of the scratch
    server in DATABASE_VERIFY_URL. Owners and rights are therefore not proven here; `restore` brings
    them from the dump.
    """
    began = time.monotonic()
    found: list[str] = []
    trail = ""
    try:
        require_whole(backup, told)
        with _scratch_database() as url:
            run_pg_restore(backup, url, told, jobs=2, rights=False)
            told("comparing", 0)
            with psycopg.connect(url) as connection:
                found += counting.differences(backup.manifest.rows, counting.count_rows(connection))
            trail, complaint = verify_trail(url, taken_at=backup.taken_at)
            found += complaint
    except AlreadyRunning:
        raise
    except (BackupError, psycopg.Error, OSError, subprocess.SubprocessError) as error:
        found.append(str(error))
    proof = Proof(at.isoformat(), round(time.monotonic() - began, 2), found, trail)
    archive.keep_proof(backup, proof)
    report = logger.info if proof.is_good else logger.error
    report("backup.verified", name=backup.name, good=proof.is_good, differences=found[:5])
    return proof


def verify_trail(url: str, *, taken_at: datetime) -> tuple[str, list[str]]:
    """Run `verify_audit` against a database; return its summary and what it complained of.

    In a process of its own: Django's connections here stay what they are. It compares with the
    anchors that had left the house when the backup was taken; later ones are no loss of its.
    """
    with tempfile.TemporaryDirectory(prefix="switchyard-anchors-") as folder:
        _copy_anchors(Path(folder), until=taken_at - _UNDER_WAY)
        done = subprocess.run(
            [sys.executable, "manage.py", "verify_audit", "--no-color"],
            cwd=settings.BASE_DIR,
            env={
                **os.environ,
                "SWITCHYARD_PROCESS": "command",
                "DATABASE_ROLE": "system",
                "DATABASE_SYSTEM_URL": url,
                "AUDIT_ANCHOR_DIR": folder,
            },
            capture_output=True,
            text=True,
            timeout=3600,
            check=False,
        )
    said = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    summary = next((line for line in said if "The audit trail is" in line), "")
    if done.returncode == 0:
        return summary, []
    return summary, [f"audit trail: {line}" for line in said[-5:]]


def _copy_anchors(folder: Path, *, until: datetime) -> None:
    """Copy the anchors of seals made before a moment, in the format they were exported in."""
    for source in sorted(Path(settings.AUDIT_ANCHOR_DIR).glob("seals-*.jsonl")):
        with source.open() as lines, (folder / source.name).open("w") as target:
            for line in lines:
                try:
                    sealed_at = datetime.fromisoformat(json.loads(line)["sealed_at"])
                except (ValueError, KeyError, TypeError):
                    sealed_at = until  # torn or foreign: the verification judges it
                if sealed_at <= until:
                    target.write(line)


@contextmanager
def _scratch_database() -> Iterator[str]:
    """Make an empty database for the block; those that dead runs left are removed first."""
    url = settings.DATABASE_VERIFY_URL or settings.DATABASE_BACKUP_URL
    if not url:
        raise BackupError("Neither DATABASE_VERIFY_URL nor DATABASE_BACKUP_URL is set.")
    name = f"{_PREFIX}{secrets.token_hex(4)}"
    with psycopg.connect(with_database(url, "postgres"), autocommit=True, options=WRITES) as server:
        row = server.execute("SELECT pg_try_advisory_lock(%s)", [LOCK + 1]).fetchone()
        if not row or not row[0]:
            raise AlreadyRunning("Another verification is running on this server.")
        for (left,) in server.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{_PREFIX}%"]
        ).fetchall():
            _drop(server, left)
        if settings.DATABASE_VERIFY_URL and server.info.parameter_status("is_superuser") == "on":
            # Policies in the dump name roles, which a server of its own does not know.
            setup_database.install_roles(server)
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        )
        try:
            yield with_database(url, name)
        finally:
            _drop(server, name)


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    """Drop a scratch database whose connections, our own, have ended.

    PostgreSQL sends autovacuum away by itself and waits 5 s for it; FORCE would need the right to
    end processes of the server's owner.
    """
    statement = sql.SQL("DROP DATABASE {}").format(sql.Identifier(name))
    for attempt in range(_DROP_ATTEMPTS):
        try:
            server.execute(statement)
            return
        except psycopg.errors.ObjectInUse:
            if attempt == _DROP_ATTEMPTS - 1:
                raise
