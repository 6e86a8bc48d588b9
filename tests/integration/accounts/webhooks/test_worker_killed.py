"""API-8: a real Celery worker is killed while a customer's server lets it wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.timezone import now

from accounts.models import WebhookDelivery
from tests import services
from tests.conftest import make_people
from tests.factories.webhooks import Receiver, announced, endpoint_of, reply
from tests.stack import Stack, make_stack, wait_for

pytestmark = [pytest.mark.stack]


@pytest.fixture
def stack(tmp_path: Path, live_database: None) -> Iterator[Stack]:
    """Worker and beat at the test's own database, with a Redis of their own."""
    stack = make_stack("webhooks", tmp_path)
    database = f"test_{services.WORKER}"
    stack.env |= services.role_urls(database) | {
        "DATABASE_URL": services.admin_url(database),
        "SWITCHYARD_SECRETS_KEY": ",".join(settings.SECRETS_KEYS),
        "OUTGOING_PERMITTED_NETWORKS": "127.0.0.1/32",
    }
    try:
        yield stack
    finally:
        stack.stop()


def test_a_killed_worker_loses_no_message_and_its_successor_sends_it_again(
    stack: Stack, receiver: Receiver
) -> None:
    """API-8: SIGKILL between call and record; beat's sweeper and the next worker repeat it."""
    people = make_people()
    endpoint_of(people.organization, receiver.url)
    delivery = announced(people.organization)
    arrived, leave = threading.Event(), threading.Event()

    def stall(handler: Any) -> None:
        arrived.set()
        leave.wait(10)
        reply(handler, 204)

    receiver.answer = stall
    rows = WebhookDelivery.objects.filter(pk=delivery.pk)
    stack.start("worker", "beat")
    try:
        assert arrived.wait(45), stack.log("worker") + stack.log("beat")
        stack.kill("worker")
    finally:
        leave.set()
    row = rows.get()
    assert (row.status, row.attempts) == ("pending", 1)
    receiver.answer = lambda handler: reply(handler, 204)
    # As if the lease of the dead worker had run out.
    rows.update(lease_until=now() - timedelta(seconds=1))
    stack.start("worker")
    wait_for(lambda: rows.get().status == "succeeded", seconds=45)
    assert rows.get().attempts == 2
    assert {message.headers["webhook-id"] for message in receiver.messages} == {
        str(delivery.event_id)
    }
    assert len(receiver.messages) == 2
    log = stack.log("worker") + stack.log("beat")
    assert "Traceback" not in log, log[-3000:]
