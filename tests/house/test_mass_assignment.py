"""API-2: whoever sends every column of every table changes what the input names, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from tests.conftest import People
from tests.house.conftest import Standing
from tests.house.operations import (
    GOOD,
    Operation,
    column_names,
    differences,
    operations,
    signed_in,
    stored,
)

POISON = "mass-assigned"
WRITES = [each for each in operations() if each.method in ("post", "put", "patch", "delete")]
WITH_BODY = [each for each in WRITES if each.takes_a_body]
WITHOUT_BODY = [each for each in WRITES if not each.takes_a_body]


def every_column(people: People) -> dict[str, Any]:
    """Return a value for each column name, one that would matter where it is believed."""
    values: dict[str, Any] = dict.fromkeys(sorted(column_names()), POISON)
    named = {
        "role": "owner", "status": "active", "tier": "enterprise", "version": 99,
        "subscription_tier": "enterprise", "token_version": 99, "quantity": 1000,
        "max_devices": 1000, "monthly_quota": 10**9, "requests_per_minute": 10**6,
        "unit_amount_minor": 0, "total_minor": 0, "key_hash": "0" * 64, "scopes": ["keys:write"],
        "id": str(people.other.pk), "expires_at": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    for name in values:
        if name.startswith(("is_", "has_")):
            values[name] = True
        elif "organization" in name:
            values[name] = str(people.other.pk)
        elif name.removesuffix("_id") in ("user", "created_by", "invited_by", "placed_by"):
            values[name] = str(people.charlie.pk)
        elif name.endswith("_at"):
            values[name] = "2001-01-01T00:00:00Z"
    return values | named


def ask(standing: Standing, operation: Operation, body: dict[str, Any] | None) -> Any:
    """Return the answer, what it changed, and all rows afterwards; then undo it."""
    client = signed_in(standing)
    send = getattr(client, operation.method)
    headers = {"Idempotency-Key": "once"}
    path = operation.address(standing.things)
    with transaction.atomic():
        before = stored()
        data = {} if body is None else {"data": body}
        answer = send(path, content_type="application/json", headers=headers, **data)
        after = stored()
        transaction.set_rollback(True)
    return answer, differences(before, after), after


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_columns_that_are_no_fields_are_refused_by_name(
    standing: Standing, operation: Operation
) -> None:
    with transaction.atomic():
        good = GOOD.get(operation.name, lambda _: {})(standing)
        foreign = {
            name: value
            for name, value in every_column(standing.people).items()
            if name not in operation.fields
        }
        assert {"organization_id", "is_superuser", "version", "key_hash"} <= set(foreign)
        answer, changed, _ = ask(standing, operation, good | foreign)
        transaction.set_rollback(True)
    assert answer.status_code == 422, (answer.status_code, answer.content[:300])
    assert changed == []
    errors = answer.json().get("errors", ())
    pointed = {each["pointer"].lstrip("/") for each in errors if each["code"] == "unknown"}
    if operation.facts["tags"] == ["programs"]:
        assert pointed, "a thin view names the first of many"
        assert pointed <= set(foreign)
    elif operation.name != "calls_create":  # reads its batch by hand and refuses it whole
        assert set(foreign) <= pointed


@pytest.mark.parametrize("operation", WITHOUT_BODY, ids=str)
def test_an_operation_without_input_does_the_same_with_every_column(
    standing: Standing, operation: Operation
) -> None:
    columns = every_column(standing.people)
    plain, effect, _ = ask(standing, operation, None)
    loaded, same, after = ask(standing, operation, columns)
    if loaded.status_code != 422:  # some refuse any body, the others do not read it
        assert (loaded.status_code, same) == (plain.status_code, effect)
    assert POISON not in str(after)


def test_nested_fields_are_refused_too(standing: Standing) -> None:
    """A batch refuses the event or the call that says more than it may."""
    client = standing.people.client(standing.people.alice)
    event = {"id": "a", "type": "t", "source": "s", "user_id": str(standing.people.charlie.pk)}
    answer = client.post("/api/v1/sync", {"events": [event]}, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown")
    call = GOOD["calls_create"](standing)["calls"][0] | {"organization_id": "x"}
    answer = client.post("/api/v1/calls", {"calls": [call]}, content_type="application/json")
    assert answer.json()["accepted"] == []
    assert answer.json()["refused"][0]["code"] == "unknown"
