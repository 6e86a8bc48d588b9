"""Endpoints are checked against the name server while no transaction stands open."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.db import connections

from accounts.models import WebhookEndpoint
from config.kit import context
from tests.conftest import make_people

NAME = "hooks.customer.example"


@pytest.mark.usefixtures("live_database")
def test_a_slow_name_server_holds_no_transaction_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made and changed by the API and by the pages: the connection is idle meanwhile."""
    people = make_people()
    asked: list[tuple[bool, str]] = []
    real = socket.getaddrinfo
    # Names are looked up in a thread of their own; what counts is the request's connection.
    ours = connections["default"]

    def answer(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if not str(host).endswith(NAME):
            return real(host, port, *rest, **more)
        assert ours.connection is not None
        asked.append((ours.in_atomic_block, ours.connection.info.transaction_status.name))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    alice = people.client(people.alice)
    body = {"url": f"https://a.{NAME}/", "event_types": ["license.*"]}
    made = alice.post(
        "/api/v1/webhooks/endpoints", body, content_type="application/json",
        headers={"Idempotency-Key": "once"},
    )  # fmt: skip
    assert made.status_code == 201, made.content
    path = f"/api/v1/webhooks/endpoints/{made.json()['endpoint']['id']}"
    change = {"url": f"https://b.{NAME}/"}
    assert alice.patch(path, change, content_type="application/json").status_code == 200
    form = {"url": f"https://c.{NAME}/", "event_types": ["license.*"], "description": ""}
    assert alice.post("/webhooks/new/", form).status_code == 200
    with context.acting(organization_id=people.organization.pk):
        key = WebhookEndpoint.objects.get(url=form["url"]).pk
    form["url"] = f"https://d.{NAME}/"
    assert alice.post(f"/webhooks/{key}/edit/", form).status_code == 302
    assert asked == [(False, "IDLE")] * 4
