"""Builds .venv with the machine's Python and installs what changed. Run by its path, by make.

It runs before anything is installed: standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "requirements.json"
SUPPORTED = ((3, 11), (3, 13))
GET_PIP = "https://bootstrap.pypa.io/get-pip.py"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Settings of this account's pip that would send packages elsewhere than into .venv.
PIP_ENVIRONMENT = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_NO_INPUT": "1"}


class SetupError(Exception):
    """What is missing, in words for the person at the terminal."""


def main() -> int:
    """Do what is asked, in order; return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requirements", help="the file to install, when it has changed")
    parser.add_argument("--chromium", action="store_true", help="look for a browser for the tests")
    options = parser.parse_args()
    try:
        if options.requirements:
            with _alone():
                build_venv()
                install(ROOT / options.requirements)
        if options.chromium:
            find_chromium()
    except SetupError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def say(text: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep two makes of one checkout from building the same .venv."""
    with (ROOT / "requirements.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# .venv


def build_venv() -> None:
    """Make .venv unless there is one whose Python works."""
    if _works(PYTHON, "import pip"):
        return
    low, high = SUPPORTED
    if not low <= sys.version_info[:2] <= high:
        raise SetupError(
            f"Switchyard needs Python {low[0]}.{low[1]} to {high[0]}.{high[1]}; this is "
            f"{sys.version.split()[0]}. Install one of them and run make again."
        )
    say(f"Building .venv with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    if not _works(Path(sys.executable), "import venv, ensurepip") and os.geteuid() == 0:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        _apt_install([version]) or _apt_install(["python3-venv"])
    if _works(Path(sys.executable), "import venv, ensurepip"):
        _run([sys.executable, "-m", "venv", VENV])
    else:
        _build_without_ensurepip()


def _build_without_ensurepip() -> None:
    """Debian keeps ensurepip in a package of its own, which an ordinary user cannot install."""
    say(f"This Python has no ensurepip (package python3-venv); fetching pip from {GET_PIP}")
    _run([sys.executable, "-m", "venv", "--without-pip", VENV])
    script = VENV / "get-pip.py"
    try:
        with urllib.request.urlopen(GET_PIP, timeout=60) as answer:
            script.write_bytes(answer.read())
    except OSError as error:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            f"pip could not be fetched ({error}). Install the package python3-venv "
            "(Debian, Ubuntu: apt install python3-venv) and run make again."
        ) from error
    _run([PYTHON, script, "--quiet"])


def install(requirements: Path) -> None:
    """Install a requirements file when it, or a file it includes, has changed."""
    wanted = digests(requirements)
    if known() | wanted == known():
        return
    count = sum("==" in line for line in _lines(requirements))
    say(f"Installing {count} packages of {requirements.name} and what they need")
    began = time.monotonic()
    STAMP.unlink(missing_ok=True)
    _run(
        [
            *(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--prefer-binary", "--requirement", requirements),
        ]
    )
    keep(wanted)
    say(f"Installed in {time.monotonic() - began:.0f} s")


def _lines(requirements: Path) -> list[str]:
    lines: list[str] = []
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            lines += _lines(requirements.parent / line[3:].strip())
        else:
            lines.append(line)
    return lines


def digests(requirements: Path) -> dict[str, str]:
    """Return a digest of the file with what it includes, and of each file it includes."""
    text = "\n".join(_lines(requirements))
    found = {requirements.name: hashlib.sha256(text.encode()).hexdigest()}
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            found |= digests(requirements.parent / line[3:].strip())
    return found


def keep(installed: dict[str, str]) -> None:
    """Note what .venv was made of."""
    STAMP.write_text(json.dumps(installed, indent=2) + "\n")


def known() -> dict[str, str]:
    """Return what .venv was made of; nothing when an install was cut short."""
    try:
        return dict(json.loads(STAMP.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


# What the operating system must give


def find_chromium() -> None:
    """Say which package has the browser that the browser tests drive; install it as root."""
    if _chromium():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("Installing Chromium for the browser tests")
        for package in ("chromium", "chromium-browser"):
            if _apt_install([package, "fonts-liberation"]) and _chromium():
                return
    say(
        "Chromium is missing, and the browser tests need it. Install the package chromium "
        "(Debian, Fedora: chromium; Ubuntu: chromium-browser) and run make test again."
    )


def _chromium() -> bool:
    # Ubuntu's package may be a stub that only points at a snap: it must really run.
    return any(
        _succeeds([path, "--version"]) for name in CHROMIUM_NAMES if (path := shutil.which(name))
    )


def _apt_install(packages: list[str]) -> bool:
    if not shutil.which("apt-get"):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install_command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (install_command, ["apt-get", "update", "-qq"], install_command):
        result = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if command is install_command and result.returncode == 0:
            return True
    return False


# Programs


def _run(arguments: list[str | Path]) -> None:
    result = subprocess.run(arguments, cwd=ROOT, env={**os.environ, **PIP_ENVIRONMENT}, check=False)
    if result.returncode:
        raise SetupError(f"This failed: {' '.join(str(part) for part in arguments)}")


def _works(python: Path, statement: str) -> bool:
    return python.exists() and _succeeds([str(python), "-c", statement])


def _succeeds(arguments: list[str]) -> bool:
    try:
        return (
            subprocess.run(arguments, capture_output=True, timeout=60, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    sys.exit(main())
