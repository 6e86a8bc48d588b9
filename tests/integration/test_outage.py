"""PostgreSQL goes away and comes back: people and programs are told so, and nothing restarts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import httpx
import psycopg
import pytest

from licensing.rules.keys import make_key
from tests import services
from tests.stack import Stack, make_stack

pytestmark = [pytest.mark.stack]
OWNER = "ines@halden.example"


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = make_stack("outage", tmp_path_factory.mktemp("outage"))
    try:
        stack.start("simstripe", "web")
        yield stack
    finally:
        stack.stop()


def _let_in(allowed: bool) -> None:
    """Close the stack's database to everybody, or open it again."""
    with psycopg.connect(services.admin_url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE stack_outage WITH ALLOW_CONNECTIONS {allowed}")
        if not allowed:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'stack_outage'"
            )


def _is_problem(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 503
        and answer.headers["Content-Type"] == "application/problem+json"
        and answer.json()["code"] == "unavailable"
        and "Retry-After" in answer.headers
    )


def test_without_postgresql_there_is_a_clear_503_and_recovery_without_a_restart(
    stack: Stack,
) -> None:
    question = {"license_key": make_key()}
    with closing(stack.sign_in(OWNER, stack.seed()[OWNER])) as client:
        assert client.get("/licenses/").status_code == 200
        assert client.post("/api/v1/licenses/validate", json=question).json()["code"] == "NOT_FOUND"
        _let_in(False)
        page = client.get("/licenses/")
        assert page.status_code == 503
        assert page.headers["Content-Type"].startswith("text/html")
        assert page.headers["X-Request-Id"] in page.text
        assert _is_problem(client.get("/api/v1/licenses"))
        assert _is_problem(client.post("/api/v1/licenses/validate", json=question))
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").json()["postgresql"] == "unavailable"
        _let_in(True)
        assert client.get("/licenses/").status_code == 200
        assert client.get("/api/v1/licenses").status_code == 200
        assert client.post("/api/v1/licenses/validate", json=question).json()["code"] == "NOT_FOUND"
