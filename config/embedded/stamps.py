"""Remembers what a finished step was made of, so that an unchanged one need not run again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from config.embedded.state import read_json, write_json


class Stamps:
    """One digest a step, kept in one file under var."""

    def __init__(self, var_dir: Path) -> None:
        self._file = var_dir / "stamps.json"

    def is_current(self, step: str, digest: str) -> bool:
        """Say whether the step was finished with exactly these inputs."""
        return read_json(self._file).get(step) == digest

    def keep(self, step: str, digest: str) -> None:
        """Note that the step is finished with these inputs."""
        write_json(self._file, read_json(self._file) | {step: digest})


def digest_of(root: Path, patterns: Iterable[str], *facts: str) -> str:
    """Return one digest of the files' names and contents and of further facts."""
    digest = hashlib.sha256("\0".join(facts).encode())
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        if path.is_file():
            digest.update(f"\0{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
