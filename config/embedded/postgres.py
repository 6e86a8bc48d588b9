"""The embedded PostgreSQL 18: its cluster, its settings, its databases."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded.launching import Account, Command, EmbeddedError
from config.embedded.places import Place
from config.embedded.ports import HOST
from config.embedded.state import write_private

USUAL_PORT = 54329
ADMINISTRATOR = "switchyard_admin"
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "max_connections": "200",
}
DURABLE = {"shared_buffers": "128MB"}
# A crash of the machine may cost this data: only for databases that are thrown away.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "autovacuum": "on",
}


@dataclass
class Postgres:
    """One cluster in one folder."""

    place: Place
    port: int
    password: str = field(repr=False)
    log: Path
    fast: bool = False
    name: str = "postgres"

    @property
    def home(self) -> Path:
        """Return the folder of the cluster."""
        return self.place.root / "postgres" / "data"

    def prepare(self) -> None:
        """Make the cluster, whole or not at all."""
        folder = self.place.make_folder("postgres")
        if (self.home / "PG_VERSION").exists():
            return
        fresh = folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = folder / "password"
        write_private(password_file, self.password)
        self.place.give(password_file)
        try:
            self._initialize(fresh, password_file)
        finally:
            password_file.unlink()
        fresh.rename(self.home)

    def _initialize(self, folder: Path, password_file: Path) -> None:
        arguments: list[str | Path] = [
            self.place.binaries.of_postgres("initdb"),
            f"--pgdata={folder}",
            f"--username={ADMINISTRATOR}",
            f"--pwfile={password_file}",
            "--auth-host=scram-sha-256",
            "--auth-local=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        if self.fast:
            arguments.append("--no-sync")
        result = _run(arguments, account=self.place.account)
        if result.returncode:
            raise EmbeddedError(f"PostgreSQL's initdb failed:\n{result.stderr or result.stdout}")

    def command(self) -> Command:
        """Return the server's command; its stop signal is PostgreSQL's fast shutdown."""
        settings = SETTINGS | (FAST if self.fast else DURABLE) | {"port": str(self.port)}
        arguments: list[str | Path] = [
            self.place.binaries.of_postgres("postgres"),
            "-D",
            self.home,
        ]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return Command(
            name=self.name,
            arguments=arguments,
            directory=self.home,
            environment=ENVIRONMENT,
            account=self.place.account,
            log=self.log,
            stop_signal=signal.SIGINT,
        )

    def read_pid(self) -> int | None:
        """Return the pid in the cluster's own pid file."""
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def is_ready(self) -> bool:
        """Say whether the server has written that it accepts connections."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self.home / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def url(self, database: str) -> str:
        """Return the administrator's URL of a database."""
        return f"postgres://{ADMINISTRATOR}:{self.password}@{HOST}:{self.port}/{database}"

    def make_database(self, name: str) -> None:
        """Make a database unless it exists."""
        known = self._sql(f"SELECT 1 FROM pg_database WHERE datname = '{_literal(name)}'")
        if not known:
            self._sql(f'CREATE DATABASE "{_identifier(name)}"')

    def _sql(self, statement: str) -> str:
        result = _run(
            [
                self.place.binaries.of_postgres("psql"),
                "--no-psqlrc",
                "--tuples-only",
                "--no-align",
                f"--host={HOST}",
                f"--port={self.port}",
                f"--username={ADMINISTRATOR}",
                "--dbname=postgres",
                f"--command={statement}",
            ],
            environment={"PGPASSWORD": self.password},
        )
        if result.returncode:
            raise EmbeddedError(f"PostgreSQL refused a statement: {result.stderr.strip()}")
        return result.stdout.strip()


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _identifier(text: str) -> str:
    return text.replace('"', '""')


def _run(
    arguments: Sequence[str | Path],
    *,
    account: Account | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in arguments],
        cwd="/",
        env=ENVIRONMENT | (environment or {}),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
