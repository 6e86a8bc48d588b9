"""API-6: what creates or spends acts once, however often it is sent with one Idempotency-Key."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from tests.conftest import WalledClient
from tests.house.conftest import Standing
from tests.house.operations import GOOD, Operation, differences, operations, signed_in, stored

HEADER = "Idempotency-Key"
POSTS = [each for each in operations() if each.method == "post"]
ONCE = [each for each in POSTS if HEADER in each.parameters]
# Created by a name that the caller chooses, so that a repetition finds what is there: the door
# of a program (the device's id), sessions (a proof that works once), reports (the event's id).
BY_NATURE = {"licenses_activate", "sync"}


def test_every_post_that_creates_takes_the_header() -> None:
    creating = {each.name for each in POSTS if {"201", "202"} & set(each.facts["responses"])}
    assert creating - {each.name for each in ONCE} == BY_NATURE & creating
    assert len(ONCE) > 15


@pytest.mark.parametrize("operation", ONCE, ids=str)
def test_a_repeated_request_acts_once_and_answers_the_same(
    standing: Standing, operation: Operation
) -> None:
    with transaction.atomic():
        body = GOOD[operation.name](standing) if operation.takes_a_body else None
        client = signed_in(standing)
        first = _send(client, standing, operation, body)
        acted = stored()
        again = _send(client, standing, operation, body)
        more = differences(acted, stored())
        other = _send(client, standing, operation, {"another": "body"} | (body or {}))
        transaction.set_rollback(True)
    assert first.status_code in (200, 201, 202), first.content[:300]
    assert more == [], "the second request did something"
    if operation.name == "organization_transfer":
        assert again.status_code == 403, "who gave ownership away is asked like anybody else"
        return
    assert (again.status_code, again["Idempotent-Replayed"]) == (first.status_code, "true")
    assert _without_secrets(again.json()) == _without_secrets(first.json())
    assert other.status_code == 422


@pytest.mark.parametrize("operation", ONCE, ids=str)
def test_the_header_is_refused_when_it_is_no_key(standing: Standing, operation: Operation) -> None:
    with transaction.atomic():
        body = GOOD[operation.name](standing) if operation.takes_a_body else None
        client = signed_in(standing)
        before = stored()
        answer = _send(client, standing, operation, body, key="k" * 256)
        assert differences(before, stored()) == []
        transaction.set_rollback(True)
    assert answer.status_code == 422


def _send(
    client: WalledClient, standing: Standing, operation: Operation, body: Any, key: str = "once"
) -> Any:
    path = operation.address(standing.things)
    return client.post(path, body, content_type="application/json", headers={HEADER: key})


def _without_secrets(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is shown once: a replay has null in its place."""
    return {name: value for name, value in answer.items() if name not in ("key", "secret")}
