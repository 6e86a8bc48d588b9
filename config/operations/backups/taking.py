"""Taking a backup: pg_dump and the counts of its manifest read one and the same snapshot."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
import structlog
from django.conf import settings

from config.operations.backups import archive, counting, sealing
from config.operations.backups.archive import Backup, Manifest
from config.operations.backups.programs import (
    BackupError,
    connection_environment,
    database_of,
    find_program,
)

logger = structlog.get_logger(__name__)
# One backup at a time for a database, whichever host asks; it ends with the session that holds it.
LOCK = 0x5377_6974_6368
_PIECE = 1 << 20
Told = Callable[[str, float], object]
"""Hears the step and how far it is: a share of tables from 0 to 1, or bytes written."""


class AlreadyRunning(BackupError):
    """Another run is at it."""


@dataclass(slots=True)
class _Written:
    """The file as it lies there."""

    file: BinaryIO
    sha256: Any
    size: int = 0

    def write(self, piece: bytes) -> None:
        self.file.write(piece)
        self.sha256.update(piece)
        self.size += len(piece)


def take_backup(*, at: datetime, told: Told = lambda step, value: None) -> Backup:
    """Write a backup of the database of DATABASE_BACKUP_URL and return it.

    Raises `AlreadyRunning` beside another run. Nothing but the dump's own lock (ACCESS SHARE)
    is taken: the house goes on writing, and a migration waits.
    """
    began = time.monotonic()
    with locked_snapshot() as (connection, snapshot):
        # Under the lock: whatever is unfinished here was left by a run that died.
        folder = archive.begin(at)
        try:
            server = connection.info.server_version // 10_000
            program = find_program("pg_dump", server_major=server)
            rows = counting.count_rows(
                connection, told=lambda done, total: told("counting rows", done / total)
            )
            written = _dump(program.path, snapshot, folder / archive.DUMP, told)
            manifest = Manifest(
                taken_at=at.isoformat(),
                database=connection.info.dbname,
                server_version=connection.info.parameter_status("server_version") or "",
                dumped_by=f"pg_dump {program.major}",
                rows=rows,
                migrations=counting.newest_migrations(connection),
                extensions=counting.extensions(connection),
                sha256=written.sha256.hexdigest(),
                size=written.size,
                key=sealing.name_of(_newest_key()) if settings.BACKUP_KEYS else "",
                seconds=round(time.monotonic() - began, 2),
            )
            backup = archive.finish(folder, manifest)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    logger.info("backup.taken", name=backup.name, size=written.size, seconds=manifest.seconds)
    return backup


@contextmanager
def locked_snapshot() -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """Open a read-only transaction that no other run holds, and export what it sees."""
    if not settings.DATABASE_BACKUP_URL:
        raise BackupError(
            "DATABASE_BACKUP_URL is not set: the address of the role switchyard_backup."
        )
    with psycopg.connect(
        settings.DATABASE_BACKUP_URL, application_name="switchyard backup", connect_timeout=10
    ) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # Before the snapshot: a lock that is taken later would not make the snapshot newer.
        if not _one(connection, "SELECT pg_try_advisory_lock(%s)", LOCK):
            raise AlreadyRunning(
                f"Another backup of {database_of(settings.DATABASE_BACKUP_URL)} is running."
            )
        connection.commit()
        connection.execute("SET LOCAL row_security = off")
        yield connection, str(_one(connection, "SELECT pg_export_snapshot()"))


def _one(connection: psycopg.Connection[Any], statement: str, *values: Any) -> Any:
    row = connection.execute(statement, values or None).fetchone()
    assert row
    return row[0]


def _dump(program: str, snapshot: str, path: Path, told: Told) -> _Written:
    """Stream pg_dump's custom format to the file, sealed when there is a key."""
    command = [program, "--format=custom", f"--snapshot={snapshot}", "--no-password"]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        open(descriptor, "wb") as file,
        subprocess.Popen(  # noqa: S603  a program of PostgreSQL's, our own arguments
            command,
            env=connection_environment(settings.DATABASE_BACKUP_URL),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        written = _Written(file, hashlib.sha256())
        try:
            _copy(process, written, told)
        except BaseException:
            process.kill()
            raise
        complaint = process.stderr.read().decode(errors="replace") if process.stderr else ""
        if process.wait():
            raise BackupError(f"pg_dump failed: {complaint.strip()[-2000:]}")
        file.flush()
        os.fsync(file.fileno())
    return written


def _copy(process: subprocess.Popen[bytes], written: _Written, told: Told) -> None:
    assert process.stdout
    target: Any = written
    if settings.BACKUP_KEYS:
        target = sealing.SealingWriter(written, _newest_key())  # type: ignore[arg-type]
    while piece := process.stdout.read(_PIECE):
        target.write(piece)
        told("dumping", written.size)
    if settings.BACKUP_KEYS:
        target.close()


def _newest_key() -> bytes:
    return sealing.read_key(settings.BACKUP_KEYS[0])
