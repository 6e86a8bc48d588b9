"""Indexes that are mostly gaps or invalid are rebuilt beside the old ones; nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from tests import services

pytestmark = pytest.mark.usefixtures("live_database")
NAME = f"test_{services.WORKER}"


@pytest.fixture
def gaps() -> Iterator[psycopg.Connection]:
    """An index of 60,000 keys of which all but some were deleted, and one that failed to build."""
    url = services.role_urls(NAME)["DATABASE_OWNER_URL"]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE gaps (id int PRIMARY KEY, word text NOT NULL, twice int)")
        owner.execute("INSERT INTO gaps SELECT n, md5(n::text), 1 FROM generate_series(1, 60000) n")
        owner.execute("CREATE INDEX gaps_word ON gaps (word)")
        owner.execute("DELETE FROM gaps WHERE id % 50 <> 0")
        owner.execute("VACUUM ANALYZE gaps")
        with pytest.raises(psycopg.errors.UniqueViolation):
            owner.execute("CREATE UNIQUE INDEX CONCURRENTLY gaps_broken_ccnew ON gaps (twice)")
        yield owner


def _run(*arguments: str, role: str = "owner") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "dbmaintain", "--least-mb", "0.5", *arguments],
        cwd=services.ROOT,
        env={**os.environ, **services.role_urls(NAME), "DATABASE_ROLE": role},
        capture_output=True,
        text=True,
        check=False,
    )


def _size(connection: psycopg.Connection, index: str) -> int | None:
    row = connection.execute("SELECT pg_relation_size(to_regclass(%s))", [index]).fetchone()
    return row[0]


def test_a_dry_run_names_what_would_be_done_and_does_nothing(gaps: psycopg.Connection) -> None:
    before = _size(gaps, "gaps_word")
    done = _run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "public.gaps_word: bloated" in done.stdout
    assert "would rebuild it" in done.stdout
    assert "gaps_broken_ccnew: invalid" in done.stdout
    assert "would remove it" in done.stdout
    assert _size(gaps, "gaps_word") == before
    assert _size(gaps, "gaps_broken_ccnew") is not None


def test_a_bloated_index_is_rebuilt_small_and_a_failed_one_removed(
    gaps: psycopg.Connection,
) -> None:
    before = _size(gaps, "gaps_word")
    done = _run()
    assert done.returncode == 0, done.stderr
    assert before
    assert (_size(gaps, "gaps_word") or before) < before / 10
    assert _size(gaps, "gaps_broken_ccnew") is None
    assert "gaps_word" not in _run("--dry-run").stdout


def test_a_role_that_does_not_own_an_index_says_so_and_leaves_it(gaps: psycopg.Connection) -> None:
    before = _size(gaps, "gaps_word")
    done = _run("--no-analyze", role="backup")
    assert "this role may not rebuild it" in done.stdout
    assert _size(gaps, "gaps_word") == before
