"""Threads that share a pool keep to its size, see their own tenant and leave nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests import services
from tests.conftest import make_people

pytestmark = pytest.mark.usefixtures("live_database")


def _run(**changes: str) -> dict[str, Any]:
    people = make_people()
    asked = {str(people.organization.pk): 2, str(people.other.pk): 1}
    urls = services.role_urls(f"test_{services.WORKER}")
    environment = {
        **os.environ, **urls, "SWITCHYARD_PROCESS": "web", "PGAPPNAME": "pool_worker",
        "DJANGO_SETTINGS_MODULE": "config.settings.base", **changes,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.operations.pool_worker", json.dumps(asked)],
        cwd=services.ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_twelve_threads_share_three_connections_and_no_tenant_leaks() -> None:
    found = _run(DATABASE_POOL="3")
    assert found["wrong"] == []
    assert found["most"] <= 3


def test_without_a_pool_each_thread_has_its_own_connection_and_no_tenant_leaks() -> None:
    found = _run(DATABASE_POOL="0")
    assert found["wrong"] == []
    assert 3 < found["most"] <= 12


def test_a_pool_that_is_too_small_says_so_in_time_and_does_not_hang() -> None:
    done = subprocess.run(
        [sys.executable, "-c",
         "import django; django.setup()\n"
         "import threading\n"
         "from django.db import connection, OperationalError\n"
         "connection.ensure_connection()\n"
         "def other():\n"
         "    try: connection.ensure_connection()\n"
         "    except OperationalError as error: print('refused', type(error).__name__)\n"
         "thread = threading.Thread(target=other); thread.start(); thread.join()\n"],
        cwd=services.ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.base",
             "DATABASE_POOL": "1", "DATABASE_POOL_TIMEOUT": "1"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "refused OperationalError" in done.stdout, done.stderr
