"""pg_dump and pg_restore: where they are, whether they fit the server, how they are called."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from django.conf import settings

from config.embedded.launching import EmbeddedError
from config.embedded.places import find_binaries

_VERSION = re.compile(r"(\d+)(?:\.\d+)*")


class BackupError(Exception):
    """What stands in the way of a backup or a restore, in words for the operator."""


@dataclass(frozen=True, slots=True)
class Program:
    path: str
    major: int


@lru_cache(maxsize=8)
def find_program(name: str, *, server_major: int) -> Program:
    """Return the program: in POSTGRES_BIN, in the embedded wheel or on the PATH, in this order.

    A program older than the server would leave out what it does not know: it is refused.
    """
    tried = []
    for path in _candidates(name):
        major = _major_of(path)
        tried.append(f"{path} ({major})")
        if major >= server_major:
            return Program(path, major)
    raise BackupError(
        f"No {name} of version {server_major} or newer, which this server needs. "
        f"Tried: {', '.join(tried) or 'nothing was found'}. Install the package "
        f"postgresql-client-{server_major}, or set POSTGRES_BIN to the folder that has it."
    )


def _candidates(name: str) -> list[str]:
    found = []
    if settings.POSTGRES_BIN:
        found.append(Path(settings.POSTGRES_BIN) / name)
    with contextlib.suppress(EmbeddedError):  # an installation without the embedded servers
        found.append(find_binaries().of_postgres(name))
    if on_path := shutil.which(name):
        found.append(Path(on_path))
    return [str(path) for path in found if os.access(path, os.X_OK)]


def _major_of(path: str) -> int:
    done = subprocess.run(  # noqa: S603  one of the paths above
        [path, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    found = _VERSION.search(done.stdout)
    return int(found.group(1)) if found else 0


def connection_environment(url: str, *, writes: bool = False) -> dict[str, str]:
    """Return libpq's variables for a URL, so that no password stands on a command line.

    The backup role's sessions are read-only unless they say that they write.
    """
    parts = urlsplit(url)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        "PGCONNECT_TIMEOUT": "10",
        "PGAPPNAME": "switchyard backup",
        "PGTZ": "UTC",
    }
    if writes:
        environment["PGOPTIONS"] = WRITES
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if name in {"sslmode", "sslrootcert", "sslcert", "sslkey"}:
            environment[f"PG{name.upper()}"] = unquote(value)
    return {name: value for name, value in environment.items() if value}


WRITES = "-c default_transaction_read_only=off"


def with_database(url: str, database: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def database_of(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))
