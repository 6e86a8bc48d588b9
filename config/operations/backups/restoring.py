"""Restoring a backup: into a fresh database first, which takes the old one's name when it is whole."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

import environ
import psycopg
import structlog
from django.conf import settings
from psycopg import sql

from accounts.management.commands import setup_database
from config.operations.backups import counting, sealing
from config.operations.backups.archive import Backup
from config.operations.backups.programs import (
    WRITES,
    BackupError,
    connection_environment,
    database_of,
    find_program,
    with_database,
)
from config.operations.backups.taking import LOCK, AlreadyRunning, Told

logger = structlog.get_logger(__name__)
_PIECE = 1 << 20
UNFINISHED = "An unfinished restore of Switchyard; may be dropped."
_HAS_TABLES = """
SELECT EXISTS (
    SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname !~ '^pg_toast'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
)"""


class NotEmpty(BackupError):
    """The target holds tables, and nobody said that they may be set aside."""


def restore(
    backup: Backup, url: str, *, at: datetime, force: bool, told: Told, jobs: int = 2
) -> str:
    """Restore into the database that `url`, an administrator's address, names.

    Everything goes into a fresh database beside it: roles, the dump with owners and rights, this
    version's roles and audit schema. When its rows equal the manifest's, it takes the name. A
    database that held tables is refused without `force`; with it, it is renamed, never dropped,
    and its new name is returned ("" when there was nothing to keep). One restore at a time on a
    server: raises `AlreadyRunning` beside another.
    """
    target = database_of(url)
    fresh = f"{target}_restoring"
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as server:
        row = server.execute("SELECT pg_try_advisory_lock(%s)", [LOCK + 2]).fetchone()
        if not row or not row[0]:
            raise AlreadyRunning("Another restore is running on this server.")
        if holds_tables(server, url) and not force:
            raise NotEmpty(f"The database {target} holds tables.")
        require_whole(backup, told)
        _drop_unfinished(server, url, fresh)
        _create(server, fresh)
        try:
            fill(backup, with_database(url, fresh), told, jobs=jobs)
        except BaseException:
            _drop(server, fresh)
            raise
        return _take_the_name(server, target, fresh, at)


def holds_tables(server: psycopg.Connection[Any], url: str) -> bool:
    if not _exists(server, database_of(url)):
        return False
    with psycopg.connect(url) as connection:
        row = connection.execute(_HAS_TABLES).fetchone()
    return bool(row and row[0])


def fill(backup: Backup, url: str, told: Told, *, jobs: int) -> None:
    """Bring a fresh database to the backup's content and this version's roles."""
    with psycopg.connect(url) as connection:
        # Owners and rights in the dump name roles: they must be there before it.
        setup_database.install_roles(connection)
    run_pg_restore(backup, url, told, jobs=jobs)
    with psycopg.connect(url) as connection:
        found = counting.differences(backup.manifest.rows, counting.count_rows(connection))
        if found:
            raise BackupError(f"Rows differ after the restore: {'; '.join(found[:5])}")
    env: Any = environ.Env()  # type: ignore[no-untyped-call]
    urls = [env.str(f"DATABASE_{role}_URL", default="") for role in setup_database.ROLES]
    with psycopg.connect(url) as connection:
        setup_database.install(connection, [given for given in urls if given])


def require_whole(backup: Backup, told: Told) -> None:
    """Refuse a file that is not, byte for byte, the one that was written."""
    digest = hashlib.sha256()
    read = 0
    with backup.dump.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            read += len(piece)
            told("checking the file", read / max(1, backup.manifest.size))
    if digest.hexdigest() != backup.manifest.sha256:
        raise BackupError(f"{backup.name}: the file is not the one that was written (SHA-256).")


def run_pg_restore(backup: Backup, url: str, told: Told, *, jobs: int, rights: bool = True) -> None:
    """Restore a dump into an empty database.

    Without `rights` everything belongs to the role that restores, which then needs to be neither
    a superuser nor a member of the owners; TimescaleDB asks for a superuser all the same. A sealed
    dump is never written to disk in the clear: it is piped, by one job. One job restores a dump of
    TimescaleDB too: its catalogs do not come out right by several.
    """
    has_timescale = "timescaledb" in backup.manifest.extensions
    command = ["--exit-on-error", "--no-password", f"--dbname={database_of(url)}"]
    if not rights:
        command += ["--no-owner", "--no-privileges"]
    key = _key_of(backup)
    if key is None:
        command += [f"--jobs={1 if has_timescale else jobs}", str(backup.dump)]
    with psycopg.connect(url, options=WRITES) as connection:
        program = find_program(
            "pg_restore", server_major=connection.info.server_version // 10_000
        ).path
        if has_timescale:
            _prepare_timescale(connection, backup.manifest.extensions["timescaledb"])
    told("restoring", 0)
    _run([program, *command], url, _clear_text(backup, key) if key else None)
    if has_timescale:
        with psycopg.connect(url, options=WRITES) as connection:
            connection.execute("SELECT timescaledb_post_restore()")


def _prepare_timescale(connection: psycopg.Connection[Any], version: str) -> None:
    """Install the version that was dumped, which alone reads the dump, and announce a restore."""
    connection.execute(
        sql.SQL("CREATE EXTENSION IF NOT EXISTS timescaledb VERSION {}").format(
            sql.Literal(version)
        )
    )
    try:
        connection.execute("SELECT timescaledb_pre_restore()")
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            f"Only a superuser restores a dump of TimescaleDB; {connection.info.user} is none. To "
            "prove a backup, set DATABASE_VERIFY_URL to a superuser's address of a scratch server."
        ) from error


def _run(command: list[str], url: str, pieces: Iterator[bytes] | None) -> None:
    with subprocess.Popen(  # noqa: S603  a program of PostgreSQL's, our own arguments
        command,
        env=connection_environment(url, writes=True),
        stdin=subprocess.PIPE if pieces else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            if pieces and process.stdin:
                _feed(process.stdin, pieces)
        except BaseException:
            process.kill()
            raise
        complaint = process.stderr.read().decode(errors="replace") if process.stderr else ""
        if process.wait():
            raise BackupError(f"pg_restore failed: {complaint.strip()[-2000:]}")


def _feed(target: IO[bytes], pieces: Iterator[bytes]) -> None:
    try:
        for piece in pieces:
            target.write(piece)
        target.close()
    except BrokenPipeError:
        pass  # pg_restore has ended, and says why itself


def _key_of(backup: Backup) -> bytes | None:
    """Return the key that the backup was sealed with; None when it lies in the clear."""
    if not backup.manifest.key:
        return None
    for text in settings.BACKUP_KEYS:
        key = sealing.read_key(text)
        if sealing.name_of(key) == backup.manifest.key:
            return key
    raise BackupError(f"The key {backup.manifest.key} of {backup.name} is not in BACKUP_KEYS.")


def _clear_text(backup: Backup, key: bytes) -> Iterator[bytes]:
    with backup.dump.open("rb") as file:
        yield from sealing.unsealed(file, key)


# Databases by name


def _take_the_name(server: psycopg.Connection[Any], target: str, fresh: str, at: datetime) -> str:
    aside = ""
    if _exists(server, target):
        aside = f"{target}_replaced_{at:%Y%m%dT%H%M%S}"
        _rename(server, target, aside)
    _rename(server, fresh, target)
    _remark(server, target, None)
    if aside:
        with psycopg.connect(_beside(server, aside)) as connection:
            row = connection.execute(_HAS_TABLES).fetchone()
        if row and not row[0]:
            _drop(server, aside)
            aside = ""
    logger.info("backup.restored", database=target, set_aside=aside)
    return aside


def _beside(server: psycopg.Connection[Any], name: str) -> str:
    """Return how to reach another database of the server that a connection is to."""
    info = server.info
    return psycopg.conninfo.make_conninfo(info.dsn, password=info.password, dbname=name)


def _rename(server: psycopg.Connection[Any], old: str, new: str) -> None:
    """Rename a database; whoever is connected to it is put out and kept out meanwhile."""
    names = {"old": sql.Identifier(old), "new": sql.Identifier(new)}
    server.execute(sql.SQL("ALTER DATABASE {old} ALLOW_CONNECTIONS false").format(**names))
    try:
        # The timeout makes the server wait until each of them has really left.
        server.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            [old],
        )
        server.execute(sql.SQL("ALTER DATABASE {old} RENAME TO {new}").format(**names))
    except BaseException:
        server.execute(sql.SQL("ALTER DATABASE {old} ALLOW_CONNECTIONS true").format(**names))
        raise
    server.execute(sql.SQL("ALTER DATABASE {new} ALLOW_CONNECTIONS true").format(**names))


def _exists(server: psycopg.Connection[Any], name: str) -> bool:
    found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    return found.fetchone() is not None


def _create(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    _remark(server, name, UNFINISHED)


def _remark(server: psycopg.Connection[Any], name: str, text: str | None) -> None:
    server.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text))
    )


def _drop_unfinished(server: psycopg.Connection[Any], url: str, name: str) -> None:
    """Drop what a restore that died left; another's database of that name is refused."""
    found = server.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    if found is None:
        return
    if found[0] != UNFINISHED and holds_tables(server, with_database(url, name)):
        raise BackupError(f"The database {name} is in the way: drop or rename it if it is yours.")
    _drop(server, name)


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
