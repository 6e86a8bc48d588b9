"""Migrations: none missing, named, reversible."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from tests import services

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("accounts", "billing", "licensing")


@pytest.mark.usefixtures("db")
def test_no_model_change_waits_for_a_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_migration_has_a_name_that_says_something() -> None:
    for path in ROOT.glob("*/migrations/0*.py"):
        assert not re.search(r"_auto_|alter_.*_more", path.stem), path


def test_migrations_import_no_app_code() -> None:
    for path in ROOT.glob("*/migrations/0*.py"):
        imported = re.findall(r"^(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        assert set(imported) <= {"__future__", "django", "config", "uuid"}, path


@pytest.mark.usefixtures("live_database")
def test_every_app_migrates_to_zero_and_back() -> None:
    urls = services.role_urls(f"test_{services.WORKER}")
    environment = {**os.environ, **urls, "DATABASE_ROLE": "owner"}
    script = (
        "import django; django.setup()\n"
        "from django.core.management import call_command as call\n"
        f"for app in reversed({OURS!r}[1:]): call('migrate', app, 'zero', verbosity=0)\n"
        "call('migrate', 'accounts', '0001', verbosity=0)\n"
        "call('migrate', verbosity=0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings.base"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
