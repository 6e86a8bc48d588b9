"""An alert of the audit trail reaches the operator's chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.utils.timezone import now

from accounts import tasks
from accounts.models import TrailAlert
from accounts.services import live
from accounts.services.seals import watching
from accounts.services.users import create_user
from config.kit.errors import GatewayError
from config.kit.http import AddressRefused
from tests.factories.webhooks import Receiver, receiving, reply
from tests.stack import wait_for


@pytest.fixture
def chat(db: None, settings: Any) -> Iterator[Receiver]:
    settings.OUTGOING_PERMITTED_NETWORKS = ["127.0.0.1/32"]
    operator = create_user("operator@example.com", "correct horse battery")
    with receiving() as running:
        live.change({"ALERT_WEBHOOK_URL": running.url}, by=operator)
        yield running
    live.forget()


def _alert() -> TrailAlert:
    return watching.alert("late", "The oldest entry waits for 20 minutes.", at=now())


def test_a_new_alert_is_posted_as_text_and_once(chat: Receiver) -> None:
    found = _alert()
    assert watching.unposted() == [found]
    for _ in range(2):
        tasks.post_alert(str(found.pk))
    assert watching.unposted() == []
    (message,) = chat.messages
    said = orjson.loads(message.body)["text"]
    assert "Sealing is late. The oldest entry waits for 20 minutes." in said


def test_a_chat_that_does_not_take_it_is_asked_again(chat: Receiver) -> None:
    chat.answer = lambda handler: reply(handler, 503)
    found = _alert()
    with pytest.raises(GatewayError):
        watching.post_alert(found)
    assert watching.unposted() == [found], "the next watch posts it"
    watching.resolve(found, at=now())
    assert watching.unposted() == []


def test_the_operators_own_network_is_closed_to_it_too(chat: Receiver, settings: Any) -> None:
    settings.OUTGOING_PERMITTED_NETWORKS = []
    with pytest.raises(AddressRefused):
        watching.post_alert(_alert())
    assert chat.messages == []


def test_without_a_chat_nothing_is_posted(db: None) -> None:
    found = _alert()
    tasks.post_alert(str(found.pk))
    found.refresh_from_db()
    assert (found.posted_at, watching.unposted()) == (None, [])


def test_only_the_first_finding_nudges(
    db: None, redis_client: Any, django_capture_on_commit_callbacks: Any
) -> None:
    before = redis_client.llen("celery:default")
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            _alert()
    assert wait_for(lambda: redis_client.llen("celery:default") == before + 1)
