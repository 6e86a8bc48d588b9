"""API-3: the API against its own document: no server error, no answer that it does not know.

Schemathesis makes up requests, valid and not, half of them about objects that exist. In the suite
there are few, by a fixed seed; `--hypothesis-profile=thorough` asks each operation 300 times at
random.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.rules.scopes import GRANTABLE
from tests.stack import Stack, make_stack

pytestmark = [pytest.mark.stack]
OWNER = "ines@halden.example"
IS_THOROUGH = settings.default.max_examples > 1000
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# What ends the caller's own session comes when everything else was asked.
LAST = ("auth_logout", "auth_logout_everywhere", "organization_leave")
FEW = settings(
    max_examples=300 if IS_THOROUGH else 6,
    deadline=None,
    derandomize=not IS_THOROUGH,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Caller:
    """How somebody asks: headers and cookies of each of their requests."""

    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)


# A plan for all APIs, so that no limit of a key stops the fuzzer.
EVERYTHING = """
INSERT INTO accounts_apiallowance (id, organization_id, product, tier, requests_per_minute, since)
SELECT gen_random_uuid(), id, '', 'enterprise', 1000000, now() FROM accounts_organization
"""


@dataclass
class House:
    """A running stack, who may ask it, and objects of the owner's organization."""

    stack: Stack
    callers: dict[str, Caller]
    known: dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    stack = make_stack("schema", tmp_path_factory.mktemp("schema"))
    stack.env |= {"API_REQUESTS_PER_PERSON": "1000000", "API_REQUESTS_PER_ADDRESS": "1000000"}
    try:
        stack.start("simstripe", "web")
        password = stack.seed()[OWNER]
        with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("UPDATE accounts_organization SET subscription_tier = 'enterprise'")
            connection.execute(EVERYTHING)
        client = stack.sign_in(OWNER, password)
        yield House(stack, _callers(client, password), _known(client))
        client.close()
    finally:
        stack.stop()


def _callers(client: httpx.Client, password: str) -> dict[str, Caller]:
    browser = {name: client.headers[name] for name in ("X-CSRFToken", "Referer")}
    wish = {"name": "Fuzz", "scopes": sorted(GRANTABLE), "tier": "enterprise"}
    made = client.post("/api/v1/keys", json=wish)
    assert made.status_code == 201, made.text
    login = {"email": OWNER, "password": password}
    came = httpx.post(f"{client.base_url}/api/v1/auth/login", json=login, timeout=10)
    assert came.status_code == 200, came.text
    return {
        "nobody": Caller(),
        "session": Caller(browser, dict(client.cookies)),
        "key": Caller({"Authorization": f"Bearer {made.json()['key']}"}),
        "token": Caller({"Authorization": f"Bearer {came.json()['access_token']}"}),
    }


def _known(client: httpx.Client) -> dict[str, str]:
    """Return ids of objects that exist, by the name they have in paths."""
    spare = client.post("/api/v1/keys", json={"name": "Spare"}).json()["id"]
    invited = {"emails": ["new@halden.example"]}
    client.post("/api/v1/organization/invitations", json=invited)
    lists = {
        "license_id": "licenses", "order_id": "orders", "subscription_id": "subscriptions",
        "invoice_id": "invoices", "membership_id": "organization/members", "trial_id": "trials",
        "invitation_id": "organization/invitations", "notification_id": "notifications",
        "endpoint_id": "webhooks/endpoints", "entry_id": "audit-logs",
    }  # fmt: skip
    found = {"key_id": spare}
    for name, path in lists.items():
        rows = client.get(f"/api/v1/{path}").json()["results"]
        if rows:
            found[name] = str(rows[-1]["id"])
    devices = client.get(f"/api/v1/licenses/{found['license_id']}/devices").json()["results"]
    return found | ({"link_id": devices[0]["id"]} if devices else {})


@pytest.mark.parametrize("who", ["nobody", "session", "key", "token"])
def test_no_input_brings_an_answer_that_the_document_does_not_know(house: House, who: str) -> None:
    schema = schemathesis.openapi.from_url(f"{house.stack.site}/api/schema/?format=json")
    found = [result.ok() for result in schema.get_all_operations()]
    found.sort(key=lambda operation: operation.definition.raw["operationId"] in LAST)
    assert len(found) > 80
    wrong = [fault for each in found if (fault := _fault(each, house.callers[who], house.known))]
    assert wrong == []


def _fault(operation: Any, caller: Caller, known: dict[str, str]) -> str:
    """Ask one operation; return what was wrong, in a few lines."""

    @FEW
    @given(case=operation.as_strategy(), is_real=st.booleans())
    def ask(case: Any, is_real: bool) -> None:
        parameters = case.path_parameters or {}
        if is_real:
            parameters |= {name: known[name] for name in parameters if name in known}
        answer = case.call(cookies=caller.cookies, headers=caller.headers, timeout=60)
        case.validate_response(answer, checks=CHECKS)

    try:
        ask()
    except (
        Exception,
        BaseExceptionGroup,
    ) as error:  # each operation is asked, whatever the others answered
        told = "\n".join(map(str, getattr(error, "exceptions", [error])))
        return f"{operation.label}: {type(error).__name__} {re.sub(r'(?s)Documentation.*', '', told)[:1500]}"
    return ""
