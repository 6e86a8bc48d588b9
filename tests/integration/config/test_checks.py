"""A bad deployment does not start to serve. AUD-4: nor does a role that could bypass the wall."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from config.embedded.keys import make_signing_key
from config.settings.tokens import INSECURE_SIGNING_KEY
from tests import services

GOOD = {
    "SECRET_KEY": "x" * 50,
    "SWITCHYARD_SECRETS_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "SWITCHYARD_SIGNING_KEYS": make_signing_key(),
    "STRIPE_SECRET_KEY": "sk_test_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_test",
}


def _start(*command: str, process: str = "web", **changes: str) -> subprocess.CompletedProcess[str]:
    """Load the WSGI application as a server would, or run `command`, in a process of its own."""
    urls = services.role_urls(f"test_{services.WORKER}")
    outer = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, *(command or ("-c", "import config.wsgi"))],
        cwd=services.ROOT, env={**outer, **urls, **GOOD, "SWITCHYARD_PROCESS": process, **changes},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.usefixtures("django_db_setup")
def test_a_good_deployment_starts() -> None:
    done = _start()
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize("role", ["SYSTEM", "OWNER", "ADMIN"])
def test_aud_4_a_role_that_could_bypass_the_wall_is_refused(role: str) -> None:
    database = f"test_{services.WORKER}"
    urls = services.role_urls(database) | {"DATABASE_ADMIN_URL": services.admin_url(database)}
    done = _start(DATABASE_APP_URL=urls[f"DATABASE_{role}_URL"])
    assert done.returncode != 0
    assert "switchyard.E006" in done.stderr


@pytest.fixture
def member() -> Iterator[str]:
    """The address of a role that is nothing itself, but may become the owner of the tables."""
    database, name = f"test_{services.WORKER}", f"member_{services.WORKER}"
    url = urlsplit(services.role_urls(database)["DATABASE_APP_URL"])
    with psycopg.connect(services.admin_url(), autocommit=True) as server:
        server.execute(f"DROP ROLE IF EXISTS {name}")
        server.execute(
            f"CREATE ROLE {name} LOGIN NOINHERIT PASSWORD 'test' IN ROLE switchyard_owner"
        )
        yield urlunsplit(url._replace(netloc=f"{name}:test@{url.netloc.rpartition('@')[2]}"))
        server.execute(f"DROP ROLE {name}")


@pytest.mark.usefixtures("django_db_setup")
def test_aud_4_a_role_that_could_become_the_owner_is_refused(member: str) -> None:
    done = _start(DATABASE_APP_URL=member)
    assert done.returncode != 0
    assert "switchyard.E006" in done.stderr


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SECRET_KEY": "insecure-development-key"}, "E001"),
        ({"SWITCHYARD_SECRETS_KEY": "c3dpdGNoeWFyZC1kZXZlbG9wbWVudC1zZWNyZXRzISE="}, "E002"),
        ({"SWITCHYARD_SIGNING_KEYS": INSECURE_SIGNING_KEY}, "E010"),
        ({"SWITCHYARD_SIGNING_KEYS": "bm8ga2V5"}, "E010"),
        ({"STRIPE_WEBHOOK_SECRET": ""}, "E003"),
        ({"SWITCHYARD_DEMO": "1", "SITE_URL": "https://shop.example"}, "E004"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:1", "STRIPE_SECRET_KEY": "rk_live_x"}, "E005"),
    ],
)
def test_a_bad_deployment_says_what_is_wrong(changes: dict[str, str], code: str) -> None:
    done = _start(**changes)
    assert done.returncode != 0
    assert f"switchyard.{code}" in done.stderr
    assert "HINT" in done.stderr


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize("process", ["web", "backoffice"])
@pytest.mark.parametrize("key", ["", "sk_test_switchyard"])
def test_nobody_sells_with_a_published_key_of_stripe(process: str, key: str) -> None:
    done = _start(process=process, STRIPE_SECRET_KEY=key)
    assert done.returncode != 0
    assert "switchyard.E011" in done.stderr
    assert "HINT" in done.stderr


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize(
    ("changes", "starts"),
    [
        ({"STRIPE_API_BASE": "http://127.0.0.1:8102"}, True),
        ({"STRIPE_API_BASE": "http://localhost:8102"}, True),
        ({"STRIPE_API_BASE": "https://localhost.example.com"}, False),
        ({"SWITCHYARD_DEMO": "1"}, True),
    ],
)
def test_the_stand_in_on_this_machine_takes_the_published_key(
    changes: dict[str, str], starts: bool
) -> None:
    done = _start(STRIPE_SECRET_KEY="sk_test_switchyard", **changes)
    assert (done.returncode == 0) is starts, done.stderr
    assert ("switchyard.E011" in done.stderr) is not starts


@pytest.mark.usefixtures("django_db_setup")
def test_a_worker_with_a_published_key_of_stripe_ends_and_beat_needs_none() -> None:
    given = ("-m", "celery", "-A", "config", "worker", "--pool=solo", "--queues=sync")
    done = _start(*given, process="worker", STRIPE_SECRET_KEY="sk_test_switchyard")
    assert done.returncode == 1, done.stderr
    assert "switchyard.E011" in done.stderr
    done = _start(process="beat", STRIPE_SECRET_KEY="")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize(
    ("process", "arguments"),
    [("worker", ["--pool=solo", "--queues=sync"]), ("beat", ["--pidfile=", "--schedule={}/beat"])],
)
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SECRET_KEY": "insecure-development-key"}, "E001"),
        ({"SWITCHYARD_SECRETS_KEY": "c3dpdGNoeWFyZC1kZXZlbG9wbWVudC1zZWNyZXRzISE="}, "E002"),
    ],
)
def test_workers_and_beat_with_a_published_secret_end_and_say_why(
    process: str, arguments: list[str], changes: dict[str, str], code: str, tmp_path: Path
) -> None:
    given = [argument.format(tmp_path) for argument in arguments]
    done = _start("-m", "celery", "-A", "config", process, *given, process=process, **changes)
    assert done.returncode == 1, done.stderr
    assert f"switchyard.{code}" in done.stderr
    assert "HINT" in done.stderr


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize(
    ("changes", "warns"),
    [
        ({}, True),
        ({"METRICS_TOKEN": "t0ken"}, False),
        ({"SWITCHYARD_DEMO": "1"}, False),
        ({"process": "web"}, False),
    ],
)
def test_a_back_office_without_metrics_starts_and_says_so(
    changes: dict[str, str], warns: bool
) -> None:
    """ADM-7"""
    done = _start(**{"process": "backoffice", "METRICS_TOKEN": ""} | changes)
    assert done.returncode == 0, done.stderr
    assert ("switchyard.W007" in done.stderr) is warns
