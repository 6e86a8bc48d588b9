"""Which `make run` serves this checkout: a lock that dies with its holder, and its addresses."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from config.embedded.house import Addresses
from config.embedded.launching import EmbeddedError, wait_until
from config.embedded.state import make_private_folder, read_json, try_lock, write_json

STOP_SECONDS = 60


class AlreadyRunning(EmbeddedError):
    """A second start beside a first one."""


def claim(var_dir: Path) -> None:
    """Become the one run of this checkout for the rest of this process, or say who is."""
    make_private_folder(var_dir)
    if try_lock(var_dir / "run.lock") is not None:
        write_json(var_dir / "run.json", {"pid": os.getpid()})
        return
    known = read_json(var_dir / "run.json")
    pid = known.get("pid")
    address = f" at {known['site_url']}" if "site_url" in known else ""
    raise AlreadyRunning(
        f"Switchyard already runs from this checkout: process {pid}{address}.\n"
        f"Stop it with Ctrl-C in its terminal or with: kill {pid}"
    )


def announce(var_dir: Path, addresses: Addresses) -> None:
    """Write down for others who serves and where."""
    write_json(
        var_dir / "run.json",
        {
            "pid": os.getpid(),
            "site_url": addresses.site_url,
            "ports": [addresses.web, addresses.backoffice, addresses.stripe, addresses.openid],
        },
    )


def running_addresses(var_dir: Path) -> Addresses | None:
    """Return where the run of this checkout serves, None when there is none."""
    known = read_json(var_dir / "run.json")
    if "ports" not in known or not _is_claimed(var_dir):
        return None
    return Addresses(*known["ports"])


def stop_running(var_dir: Path) -> int | None:
    """Ask the run of this checkout to end and wait for it; return its pid."""
    pid = read_json(var_dir / "run.json").get("pid")
    if not pid or not _is_claimed(var_dir):
        return None
    os.kill(pid, signal.SIGTERM)
    if not wait_until(lambda: not _is_claimed(var_dir), seconds=STOP_SECONDS):
        raise EmbeddedError(f"Process {pid} does not stop.")
    return int(pid)


def _is_claimed(var_dir: Path) -> bool:
    if not (var_dir / "run.lock").exists():
        return False
    descriptor = try_lock(var_dir / "run.lock")
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
