"""What tests of API keys share: a gateway that asks about keys, a real commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey
from config.kit import context
from config.kit.scripts import breaker
from tests.conftest import People, WalledClient
from tests.factories.keys import make_key

Commit = Callable[..., Any]


@pytest.fixture
def commit(people: People, django_capture_on_commit_callbacks: Any) -> Commit:
    """Call a function and then what waits for the commit, which in these tests never comes."""

    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return call


@dataclass
class Gateway:
    """A service that holds a key and asks about its callers' keys."""

    client: WalledClient
    commit: Commit
    key: str
    ip: str = "127.0.0.1"

    def post(self, body: Any, *, key: str | None = None) -> Any:
        return self.commit(
            self.client.post,
            "/api/v1/keys/verify",
            data=body if isinstance(body, bytes) else orjson.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.key if key is None else key}"},
            REMOTE_ADDR=self.ip,
        )

    def verify(self, key: str, **fields: Any) -> dict[str, Any]:
        answer = self.post({"key": key, **fields})
        assert answer.status_code == 200, answer.content
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture
def gateway(people: People, commit: Commit) -> Gateway:
    _, text = commit(make_key, people.organization, people.alice, "keys:verify", name="Gateway")
    return Gateway(WalledClient(), commit, text)


@pytest.fixture
def make(people: People, commit: Commit) -> Any:
    """Issue one of Northwind's keys and commit."""

    def call(*scopes: str, **facts: Any) -> tuple[ApiKey, str]:
        return commit(make_key, people.organization, people.alice, *scopes, **facts)  # type: ignore[no-any-return]

    return call


@pytest.fixture
def act(people: People, commit: Commit) -> Any:
    """Change something of Northwind's and commit."""

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        with context.acting(organization_id=people.organization.pk):
            return commit(function, *args, **kwargs)

    return call


@pytest.fixture
def queries() -> Callable[[], _Counted]:
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
