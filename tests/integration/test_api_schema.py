"""The API against its own schema: it validates without warnings and never answers 500."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance

from tests import services
from tests.conftest import behind_the_wall, make_people

SESSION = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_the_schema_validates_without_warnings() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
        cwd=services.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("who", ["alice", None])
def test_no_input_makes_the_api_fail(db: None, who: str | None) -> None:
    """Schemathesis makes up requests from the schema, with a fixed seed."""
    people = make_people()
    client = people.client(people.alice if who else None)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())

    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        schema_test = operation.as_strategy()
        _exercise(schema_test, cookies)
        asked += 1
    assert asked > 15


def _exercise(strategy: Any, cookies: dict[str, str]) -> None:
    @SESSION
    @given(case=strategy)
    def ask(case: Any) -> None:
        with behind_the_wall():
            answer = case.call(cookies=cookies)
        case.validate_response(answer, checks=[not_a_server_error, content_type_conformance])

    ask()
