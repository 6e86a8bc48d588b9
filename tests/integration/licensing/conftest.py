"""What tests of licensing share: programs that know only the API, and a real commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kit.scripts import breaker
from tests.conftest import People, WalledClient

LINK = "0199d0f0-0000-7000-8000-000000000001"


Commit = Callable[..., Any]


@dataclass
class Program:
    """A customer's program: it holds a key and a token, and no cookie."""

    client: WalledClient
    commit: Commit
    ip: str = "127.0.0.1"

    def post(self, path: str, body: Any = None, *, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        return self.commit(
            self.client.post,
            f"/api/v1/{path}",
            data=raw,
            content_type="application/json",
            headers=headers,
            REMOTE_ADDR=self.ip,
        )

    def validate(self, key: str, **fields: Any) -> Any:
        return self.post("licenses/validate", {"license_key": key, **fields})

    def activate(self, key: str, device_id: str, **fields: Any) -> Any:
        body = {"license_key": key, "device_id": device_id, "device_name": f"Desk {device_id}"}
        return self.post("licenses/activate", body | fields)

    def deactivate(self, token: str) -> Any:
        return self.post("licenses/deactivate", token=token)

    def beat(self, link_id: Any, token: str) -> Any:
        return self.post(f"devices/{link_id}/heartbeat", token=token)


@pytest.fixture
def commit(people: People, django_capture_on_commit_callbacks: Any) -> Commit:
    """Call a function and then what waits for the commit, which in these tests never comes."""

    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return call


@pytest.fixture
def program(commit: Commit) -> Program:
    return Program(WalledClient(), commit)


@pytest.fixture
def queries() -> Callable[[], CaptureQueriesContext]:
    """Count the SQL of a block, without the test's own change of role."""
    return lambda: _Counted(connection)


class _Counted(CaptureQueriesContext):
    def statements(self) -> list[str]:
        return [query["sql"] for query in self.captured_queries if "ROLE" not in query["sql"]]


@pytest.fixture(autouse=True)
def closed_breaker() -> Iterator[None]:
    """A test that lost Redis leaves none of its caution to the next."""
    breaker.succeeded()
    yield
    breaker.succeeded()
