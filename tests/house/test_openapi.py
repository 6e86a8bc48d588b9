"""The OpenAPI document is whole, has no warnings, and says what is enforced."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from accounts.rules.scopes import GRANTABLE, VERIFY
from tests import services
from tests.house.routes import routes

PROBLEM = "#/components/schemas/Problem"


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_validates_without_a_warning() -> None:
    """API-3: a warning is a place where the document and the API may differ."""
    arguments = ["spectacular", "--validate", "--fail-on-warn", "--file", os.devnull]
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=services.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout + done.stderr


def test_every_route_is_in_the_document() -> None:
    described = {re.sub(r"\{.*?\}", "<>", path) for path in document()["paths"]}
    ours = {
        re.sub(r"<.*?>", "<>", route.template)
        for route in routes()
        if route.template.startswith("/api/v1/")
    }
    assert described == ours


def test_every_operation_has_a_summary_a_known_tag_and_a_name_of_its_own() -> None:
    tags = {tag["name"] for tag in document()["tags"] if tag["description"]}
    names = [operation["operationId"] for _, operation in operations()]
    wrong = [
        name
        for name, operation in operations()
        if not operation.get("summary") or len(operation["tags"]) != 1
        or operation["tags"][0] not in tags
    ]  # fmt: skip
    assert wrong == []
    assert len(set(names)) == len(names)
    assert {operation["tags"][0] for _, operation in operations()} == tags


def test_every_refusal_is_a_problem_document() -> None:
    """API-4, as it is promised to the readers of the document."""
    due = {"application/problem+json": {"schema": {"$ref": PROBLEM}}}
    wrong = [
        (name, status)
        for name, operation in operations()
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and answer["content"] != due
    ]
    assert wrong == []


def test_scopes_in_the_document_are_those_that_can_be_granted() -> None:
    named = {operation.get("x-required-scope") for _, operation in operations()} - {None}
    assert named <= GRANTABLE
    assert {"keys:read", "keys:write", "team:write", "billing:write", "audit:read"} <= named
    assert VERIFY in GRANTABLE


@pytest.mark.parametrize("scheme", ["bearer", "apiKey", "session", "deviceToken"])
def test_every_credential_is_explained(scheme: str) -> None:
    explained = document()["components"]["securitySchemes"]
    assert len(explained[scheme]["description"]) > 20


def test_operations_that_admit_keys_say_so_and_others_do_not() -> None:
    for name, operation in operations():
        admits = {"apiKey": []} in operation.get("security", [])
        says = "x-required-scope" in operation or operation["operationId"] == "keys_verify"
        assert admits == says, name


def test_webhooks_that_we_send_are_in_the_document() -> None:
    sent = document()["x-webhooks"]
    assert {"webhook.test"} < set(sent)
    assert all(each["post"]["summary"] for each in sent.values())
