"""The folder of backups: one folder each, with the dump, its manifest and what was proven of it.

A folder gets its name only when everything in it is written: what can be seen is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from config.operations.backups.programs import BackupError
from config.operations.rules.retention import to_keep

_STAMP = "%Y%m%dT%H%M%SZ"
UNFINISHED = ".unfinished-"
DOOMED = ".doomed-"
DUMP = "database.dump"
MANIFEST = "manifest.json"
PROOF = "verified.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, written down in the dump's own snapshot.

    `rows` counts every table as "schema.table"; `migrations` is the newest of each app; `sha256`
    and `size` are of the file as it lies there; `key` names the key of a sealed one.
    """

    taken_at: str
    database: str
    server_version: str
    dumped_by: str
    rows: dict[str, int]
    migrations: dict[str, str]
    extensions: dict[str, str]
    sha256: str = ""
    size: int = 0
    key: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What a restore into a scratch database showed. `differences` is empty when it is good."""

    verified_at: str
    seconds: float
    differences: list[str] = field(default_factory=list)
    audit: str = ""

    @property
    def is_good(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class Backup:
    folder: Path
    manifest: Manifest
    proof: Proof | None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def taken_at(self) -> datetime:
        return datetime.strptime(self.name, _STAMP).replace(tzinfo=UTC)

    @property
    def dump(self) -> Path:
        return self.folder / DUMP


def root() -> Path:
    """Return the folder of all backups, made for its owner alone."""
    folder = Path(settings.BACKUP_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def all_backups() -> list[Backup]:
    """Return the finished backups that can be read, the newest first."""
    found = []
    for folder in _folders():
        with suppress(BackupError):
            found.append(read(folder))
    return found


def unreadable() -> list[str]:
    """Say which finished backups cannot be read, and why, the newest first."""
    complaints = []
    for folder in _folders():
        try:
            read(folder)
        except BackupError as error:
            complaints.append(str(error))
    return complaints


def find(name: str) -> Backup:
    """Return a backup by its name; "newest" is the newest. What others look like is no matter."""
    for folder in _folders():
        if name in {"newest", folder.name}:
            return read(folder)
    raise BackupError(f"There is no backup {name} in {settings.BACKUP_DIR}.")


def _folders() -> list[Path]:
    """Return the folders of finished backups, the newest first."""
    if not Path(settings.BACKUP_DIR).is_dir():
        return []
    return sorted(filter(_is_named, Path(settings.BACKUP_DIR).iterdir()), reverse=True)


def read(folder: Path) -> Backup:
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"The manifest of {folder.name} cannot be read: {error}") from error
    return Backup(folder, manifest, _read_proof(folder / PROOF))


def _read_proof(file: Path) -> Proof | None:
    """Return what was proven; a file that cannot be read proves nothing, and is a failure."""
    try:
        return Proof(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        return Proof("", 0.0, [f"{file.name} cannot be read: {error}"])


def begin(at: datetime) -> Path:
    """Make the folder of a backup that is being written; remains of dead runs are removed.

    Call it under the lock of `taking`: no other run writes here then.
    """
    for remains in root().glob(f"{UNFINISHED}*"):
        shutil.rmtree(remains)
    folder = root() / f"{UNFINISHED}{at.strftime(_STAMP)}"
    folder.mkdir(mode=0o700)
    return folder


def finish(folder: Path, manifest: Manifest) -> Backup:
    """Give the folder its name, after everything in it has reached the disk."""
    write_file(folder / MANIFEST, asdict(manifest))
    final = folder.with_name(folder.name.removeprefix(UNFINISHED))
    folder.rename(final)
    _sync(final.parent)
    return read(final)


def keep_proof(backup: Backup, proof: Proof) -> Backup:
    write_file(backup.folder / PROOF, asdict(proof))
    return replace(backup, proof=proof)


def prune(*, dry_run: bool = False) -> list[Backup]:
    """Remove what the rule does not keep; return what was, or would be, removed.

    Others may prune, or begin a backup, meanwhile: what is gone already is as good as removed.
    """
    everything = all_backups()
    kept = to_keep(
        (backup.taken_at for backup in everything),
        proven=(b.taken_at for b in everything if b.proof and b.proof.is_good),
    )
    superfluous = [backup for backup in everything if backup.taken_at not in kept]
    if not dry_run:
        for backup in superfluous:
            # The name goes first: a removal that is cut short leaves no half backup to be seen.
            with suppress(FileNotFoundError):
                backup.folder.rename(backup.folder.with_name(f"{DOOMED}{backup.name}"))
        for remains in root().glob(f"{DOOMED}*"):
            shutil.rmtree(remains, ignore_errors=True)
    return superfluous


def write_file(path: Path, content: dict[str, Any]) -> None:
    """Write JSON for the owner's eyes alone, whole or not at all."""
    fresh = path.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_named(folder: Path) -> bool:
    try:
        datetime.strptime(folder.name, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return (folder / MANIFEST).exists()
