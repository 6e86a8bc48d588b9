"""A failed task that staff start again is never lost on the way to the broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.test import Client
from django.urls import resolve

from config.kit.redis import connect
from config.operations import failures, jobs


@pytest.fixture
def dead_broker() -> Iterator[None]:
    conf: Any = current_app.conf
    alive = conf.broker_write_url
    conf.broker_write_url = "redis://127.0.0.1:1/0"
    current_app._after_fork()  # forgets its connections
    yield
    conf.broker_write_url = alive
    current_app._after_fork()


def _failed() -> str:
    key = str(uuid4())
    failures.note(id=key, task="billing.sweep_inbox", args=(), kwargs={}, error=None, trace="")
    return key


def test_a_dead_broker_leaves_the_failure_where_it_was(
    admin: Client, request: pytest.FixtureRequest
) -> None:
    key = _failed()
    request.getfixturevalue("dead_broker")
    address = f"/admin/operations/jobs/{key}/retry/"
    for _ in range(2):
        assert "does not answer" in admin.post(address, follow=True).content.decode()
    assert [failure.id for failure in failures.latest()] == [key]


def test_a_process_that_died_on_the_way_leaves_it_too(admin: Client) -> None:
    key = _failed()
    claim: Any = f"{failures.LIST}:retried:{key}"
    connect().set(claim, 1, ex=failures.CLAIMED)
    address = f"/admin/operations/jobs/{key}/retry/"
    assert "already" in admin.post(address, follow=True).content.decode()
    connect().delete(claim)  # as its time ends
    admin.post(address)
    assert jobs.queue_lengths()["money"] == 1
    assert failures.latest() == []


def test_the_page_opens_no_transaction_around_the_broker() -> None:
    view = resolve(f"/admin/operations/jobs/{uuid4()}/retry/").func
    assert "default" in view._non_atomic_requests  # type: ignore[attr-defined]
