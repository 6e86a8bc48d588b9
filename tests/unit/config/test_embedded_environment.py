"""When .venv is installed anew: a requirements file, or one it includes, has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.embedded import environment


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "STAMP", tmp_path / "stamp.json")
    (tmp_path / "requirements.txt").write_text("django==5.2\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\npytest==9.2\n")
    return tmp_path


def is_current(file: Path) -> bool:
    known = environment.known()
    return known | environment.digests(file) == known


def test_the_tools_file_covers_the_file_it_includes(requirements: Path) -> None:
    assert not is_current(requirements / "requirements.txt")
    environment.keep(environment.digests(requirements / "requirements-dev.txt"))
    assert is_current(requirements / "requirements-dev.txt")
    assert is_current(requirements / "requirements.txt")


def test_a_change_below_is_a_change_above(requirements: Path) -> None:
    environment.keep(environment.digests(requirements / "requirements-dev.txt"))
    (requirements / "requirements.txt").write_text("django==5.3\n")
    assert not is_current(requirements / "requirements.txt")
    assert not is_current(requirements / "requirements-dev.txt")


def test_a_changed_tool_does_not_make_run_install(requirements: Path) -> None:
    environment.keep(environment.digests(requirements / "requirements-dev.txt"))
    (requirements / "requirements-dev.txt").write_text("-r requirements.txt\npytest==9.3\n")
    assert is_current(requirements / "requirements.txt")
    assert not is_current(requirements / "requirements-dev.txt")
