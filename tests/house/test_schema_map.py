"""docs/schema.md against the database: what it names exists, and no seed column is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/schema.md").read_text()
# How many columns each seed table has; the seeds themselves are not part of the project.
SEED_COLUMNS = {
    "S0 users": 6, "S0 licenses": 9, "S0 device_links": 6, "S1 users": 16, "S1 audit_logs": 11,
    "S1 settings": 7, "S1 refresh_tokens": 6, "S1 email_verifications": 6,
    "S1 password_resets": 6, "S2 User": 9, "S2 Session": 5, "S2 UserActivity": 5,
    "S2 AdminNote": 6, "S2 UserUsageMetric": 7, "S2 AuditLog": 7, "S2 BridgeToken": 9,
    "S2 SyncLog": 10, "S3 User": 8, "S3 ApiKeyMetadata": 8, "S3 Account": 12, "S3 Session": 4,
    "S3 VerificationToken": 3, "S3 TrialWorkspace": 10, "S3 TrialApiKey": 7, "S3 ApiCall": 9,
    "S4 users": 12, "S4 api_keys": 12,
}  # fmt: skip
SECTIONS = {
    part.partition("\n")[0].strip(): part
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
COLUMN = re.compile(r"(?:(?:audit|series)\.)?[a-z_]+\.[a-z_]+")


def rows(section: str) -> list[list[str]]:
    """Return the cells of the table under a heading, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(sql: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return {name for (name,) in cursor.fetchall()}


@pytest.fixture
def known(db: None) -> set[str]:
    """Everything in the database that may be named: columns, tables, rules, functions."""
    return (
        names(
            "SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema || '.' END"
            " || table_name || '.' || column_name FROM information_schema.columns"
        )
        | names("SELECT relname::text FROM pg_class")
        | names("SELECT nspname || '.' || relname FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace")
        | names("SELECT conname::text FROM pg_constraint")
        | names("SELECT tgname::text FROM pg_trigger")
        | names("SELECT polname::text FROM pg_policy")
        | names("SELECT proname || '()' FROM pg_proc")
    )  # fmt: skip


@pytest.mark.parametrize("table", SEED_COLUMNS)
def test_every_column_of_a_seed_table_has_one_row(table: str) -> None:
    columns = [cells[0] for cells in rows(SECTIONS[table])]
    assert len(columns) == len(set(columns)) == SEED_COLUMNS[table]


@pytest.mark.parametrize("table", SEED_COLUMNS)
def test_every_row_names_a_column_and_every_table_a_test(table: str) -> None:
    for seed, held, *_ in rows(SECTIONS[table]):
        assert any(COLUMN.fullmatch(name) for name in re.findall(r"`([^`]+)`", held)), seed
    assert "Shown by `tests/" in SECTIONS[table]


def test_every_name_on_the_page_exists(known: set[str]) -> None:
    """Files on disk, everything else in PostgreSQL; names of seeds and columns in prose aside."""
    prose = {name for name in QUOTED if re.fullmatch(r"[a-z]+|user_id|created_by_id", name)}
    of_seeds = {
        "entity_type", "created_at", "updated_at", "organization_id", "future_expiration",
        "valid_subscription_tier", "update_updated_at_column", "api_keys_valid_expiry",
        "get_user_activity_summary(user)",
    }  # fmt: skip
    missing = [
        name
        for name in QUOTED
        if name not in known | prose | of_seeds and not (ROOT / name).exists()
    ]
    assert missing == []


def test_no_other_table_of_a_seed_is_on_the_page() -> None:
    sections = {name for name in SECTIONS if re.match(r"S\d ", name)}
    assert sections == set(SEED_COLUMNS)
