"""The API against its own schema: it validates without warnings and never answers 500."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance

from tests import services
from tests.stack import Stack, make_stack

pytestmark = [
    pytest.mark.stack,
]
FIXED_SEED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_the_schema_validates_without_warnings() -> None:
    arguments = ["spectacular", "--validate", "--fail-on-warn", "--file", os.devnull]
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=services.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = make_stack("schema", tmp_path_factory.mktemp("schema"), redis_number=11)
    try:
        stack.start("simstripe", "web")
        yield stack
    finally:
        stack.stop()


@pytest.mark.parametrize("signed_in", [True, False], ids=["owner", "nobody"])
def test_no_input_makes_the_api_fail(stack: Stack, signed_in: bool) -> None:
    """Schemathesis makes up requests from the schema, valid and not, with a fixed seed."""
    owner = "ines@halden.example"
    cookies: dict[str, str] = {}
    headers: dict[str, str] = {}
    passwords = stack.seed()
    if signed_in:
        client = stack.sign_in(owner, passwords[owner])
        cookies = dict(client.cookies)
        headers = {name: client.headers[name] for name in ("X-CSRFToken", "Referer")}
        client.close()
    schema = schemathesis.openapi.from_url(f"{stack.site}/api/schema/?format=json")
    asked = 0
    for result in schema.get_all_operations():
        _exercise(result.ok().as_strategy(), cookies, headers)
        asked += 1
    assert asked > 15


def _exercise(strategy: Any, cookies: dict[str, str], headers: dict[str, str]) -> None:
    @FIXED_SEED
    @given(case=strategy)
    def ask(case: Any) -> None:
        answer = case.call(cookies=cookies, headers=headers)
        case.validate_response(answer, checks=[not_a_server_error, content_type_conformance])

    ask()
