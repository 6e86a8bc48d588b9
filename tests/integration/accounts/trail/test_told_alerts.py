"""An alert of the audit trail reaches the operators' mail and their chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.core import mail
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Organization, TrailAlert
from accounts.services import live
from accounts.services.seals import watching
from accounts.services.users import create_user
from config.embedded.ports import first_free
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


@pytest.fixture
def operators(settings: Any) -> None:
    settings.ADMINS = [("Operator", "operator@example.com")]


def _alert() -> TrailAlert:
    return watching.alert("late", "The oldest entry waits for 20 minutes.", at=now())


def test_a_new_alert_is_posted_as_text_and_once(chat: Receiver) -> None:
    found = _alert()
    assert watching.untold() == [found]
    for _ in range(2):
        tasks.tell_alert(str(found.pk))
    assert watching.untold() == []
    (message,) = chat.messages
    said = orjson.loads(message.body)["text"]
    assert "Sealing is late. The oldest entry waits for 20 minutes." in said
    assert mail.outbox == [], "nobody is named"


@pytest.mark.usefixtures("db", "operators")
def test_a_new_alert_is_mailed_in_the_houses_name_and_once() -> None:
    found = _alert()
    assert watching.untold() == [found]
    for _ in range(2):
        tasks.tell_alert(str(found.pk))
    assert watching.untold() == []
    (message,) = mail.outbox
    assert message.subject == "[Switchyard] Audit trail: Sealing is late"
    assert message.from_email == "Switchyard <no-reply@switchyard.example>"
    assert message.to == ["operator@example.com"]
    assert "waits for 20 minutes" in message.body


@pytest.mark.usefixtures("operators")
def test_a_mail_server_that_is_away_is_asked_again_and_keeps_the_chat_from_nothing(
    chat: Receiver, settings: Any
) -> None:
    taking = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", first_free(19800)
    found = _alert()
    with pytest.raises(ConnectionRefusedError):
        tasks.tell_alert(str(found.pk))
    assert watching.untold() == [found], "the next watch mails it"
    settings.EMAIL_BACKEND = taking
    tasks.tell_alert(str(found.pk))
    assert watching.untold() == []
    assert (len(mail.outbox), len(chat.messages)) == (1, 1)


@pytest.mark.usefixtures("operators")
def test_a_chat_that_does_not_take_it_is_asked_again_and_keeps_the_mail_from_nothing(
    chat: Receiver,
) -> None:
    chat.answer = lambda handler: reply(handler, 503)
    found = _alert()
    for _ in range(2):
        with pytest.raises(GatewayError):
            tasks.tell_alert(str(found.pk))
    assert (len(mail.outbox), len(chat.messages)) == (1, 2)
    assert watching.untold() == [found], "the next watch posts it"
    watching.resolve(found, at=now())
    assert watching.untold() == []


def test_the_operators_own_network_is_closed_to_it_too(chat: Receiver, settings: Any) -> None:
    settings.OUTGOING_PERMITTED_NETWORKS = []
    with pytest.raises(AddressRefused):
        watching.tell(_alert())
    assert chat.messages == []


def test_where_nobody_is_named_nobody_is_told(db: None) -> None:
    found = _alert()
    tasks.tell_alert(str(found.pk))
    found.refresh_from_db()
    assert (found.mailed_at, found.posted_at, watching.untold()) == (None, None, [])
    assert mail.outbox == []


def test_only_the_first_finding_nudges(
    db: None, redis_client: Any, django_capture_on_commit_callbacks: Any
) -> None:
    before = redis_client.llen("celery:mail")
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            _alert()
    assert wait_for(lambda: redis_client.llen("celery:mail") == before + 1)


@pytest.mark.usefixtures("live_database", "operators")
def test_the_watch_that_finds_it_nudges_once_and_the_next_ones_until_it_is_taken(
    redis_client: Any,
) -> None:
    Organization.objects.create(name="Written past the application")
    for _ in range(2):
        tasks.watch_audit()
        assert redis_client.llen("celery:mail") == 1
    redis_client.flushdb()  # the nudge is lost
    tasks.watch_audit()
    assert redis_client.llen("celery:mail") == 1
    redis_client.flushdb()
    tasks.tell_alert(str(TrailAlert.objects.get().pk))
    tasks.watch_audit()
    assert redis_client.llen("celery:mail") == 0
