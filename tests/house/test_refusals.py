"""API-4: whatever goes wrong under /api/, the answer is a problem document that betrays nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.conftest import People
from tests.house.conftest import Standing
from tests.house.operations import operations, signed_in

TELLING = re.compile(
    r"Traceback|File \"|SELECT |INSERT |UPDATE |psycopg|django|rest_framework|relation \"",
    re.IGNORECASE,
)
OPERATIONS = operations()
METHODS = ("get", "post", "put", "patch", "delete")


def assert_is_problem(answer: Any, status: int) -> None:
    assert answer.status_code == status, (answer.status_code, answer.content[:300])
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert {"type", "title", "status", "code", "detail", "request_id"} <= set(document)
    assert document["status"] == status
    assert document["request_id"] == answer["X-Request-Id"]
    assert not TELLING.search(answer.content.decode())


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/me", "/api/v1/me/"]
)
def test_an_unknown_address(people: People, path: str) -> None:
    assert_is_problem(people.client(people.alice).get(path), 404)
    assert_is_problem(people.client(None).post(path), 404)


@pytest.mark.parametrize("path", sorted({each.path for each in OPERATIONS}))
def test_a_method_that_is_not_there(standing: Standing, path: str) -> None:
    known = {each.method for each in OPERATIONS if each.path == path}
    address = path.format(**standing.things)
    client = signed_in(standing)
    for method in set(METHODS) - known:
        answer = standing.ask(client, method, address)
        assert_is_problem(answer, 405)
        assert {each.upper() for each in known} <= set(answer["Allow"].split(", "))


@pytest.mark.parametrize("body", ["[", "[]", "null", '"x"', "1", '{"a": NaN}', "\udcff"])
def test_a_body_that_is_no_object(standing: Standing, body: str) -> None:
    client = signed_in(standing)
    for operation in OPERATIONS:
        if operation.takes_a_body:
            path = operation.address(standing.things)
            raw = body.encode(errors="surrogateescape")
            answer = client.generic(operation.method.upper(), path, raw, "application/json")
            assert_is_problem(answer, 400)


def test_a_body_that_is_too_large(standing: Standing) -> None:
    client = signed_in(standing)
    for operation in OPERATIONS:
        if operation.takes_a_body and operation.name != "calls_create":
            raw = b'{"a": "' + b"x" * 70_000 + b'"}'
            path = operation.address(standing.things)
            answer = client.generic(operation.method.upper(), path, raw, "application/json")
            assert_is_problem(answer, 413)


def test_a_body_of_another_type_and_an_answer_of_another_type(people: People) -> None:
    client = people.client(people.alice)
    assert_is_problem(client.post("/api/v1/keys", "a=b", content_type="text/plain"), 415)
    assert_is_problem(client.get("/api/v1/me", headers={"Accept": "text/html"}), 406)


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/licenses/validate"])
def test_a_host_that_is_not_ours(people: People, path: str) -> None:
    answer = people.client(None).post(path, HTTP_HOST="evil.example")
    assert_is_problem(answer, 400)


def test_a_bug_is_a_500_that_says_nothing(people: People) -> None:
    """A real fault: the table of the answer is gone."""
    client = people.client(people.alice)
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE licensing_license RENAME TO licensing_license_away")
    assert_is_problem(client.get("/api/v1/licenses"), 500)


def test_a_session_without_its_csrf_token_writes_nothing(people: People) -> None:
    """API-9: each write is asked with a session alone, by a browser that brings no token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.alice)
    asked = 0
    for operation in OPERATIONS:
        if operation.method == "get" or {"session": []} not in operation.facts.get("security", ()):
            continue
        path = re.sub(r"\{.*?\}", "00000000-0000-0000-0000-000000000000", operation.path)
        if "{session}" in operation.path:
            path = operation.path.format(session=1)
        answer = getattr(client, operation.method)(path, {}, content_type="application/json")
        assert_is_problem(answer, 403)
        asked += 1
    assert asked > 30
