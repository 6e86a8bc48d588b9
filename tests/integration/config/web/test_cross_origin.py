"""API-9: pages of other origins come in by the operator's list, without cookies."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.conftest import People, WalledClient

OURS, THEIRS = "https://console.example", "https://evil.example"


@pytest.fixture(autouse=True)
def listed(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]


def preflight(client: WalledClient, path: str, origin: str, method: str = "POST") -> Any:
    wish = {"Origin": origin, "Access-Control-Request-Method": method}
    return client.options(path, headers=wish)


def test_a_listed_origin_may_ask_and_read_the_limits(nobody: WalledClient) -> None:
    answer = preflight(nobody, "/api/v1/orders", OURS)
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert "idempotency-key" in answer.headers["Access-Control-Allow-Headers"]
    read = nobody.get("/api/v1/settings/public", headers={"Origin": OURS})
    assert "RateLimit-Remaining" in read.headers["Access-Control-Expose-Headers"]


def test_a_listed_origin_may_use_every_method_that_an_operation_has(nobody: WalledClient) -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    verbs = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    asked = {verb.upper() for operations in paths.values() for verb in operations} & verbs
    assert "PUT" in asked
    answer = preflight(nobody, "/api/v1/orders", OURS, "PUT")
    allowed = answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert asked <= set(allowed)


def test_any_other_origin_may_not(nobody: WalledClient) -> None:
    for origin in (THEIRS, "null", f"{OURS}.evil.example"):
        answer = preflight(nobody, "/api/v1/orders", origin)
        assert "Access-Control-Allow-Origin" not in answer.headers
        read = nobody.get("/api/v1/settings/public", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in read.headers


def test_cookies_are_never_allowed_across_origins(nobody: WalledClient) -> None:
    answer = preflight(nobody, "/api/v1/orders", OURS)
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_pages_are_not_the_api(alice: WalledClient) -> None:
    answer = alice.get("/", headers={"Origin": OURS})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_session_without_a_csrf_token_changes_nothing(people: People) -> None:
    client = WalledClient(enforce_csrf_checks=True)
    client.force_login(people.alice)
    answer = client.post("/api/v1/orders", {}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
