"""Mails of the sign-in pages: the page answers whatever the mail server does, a worker sends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from kombu import Queue

from accounts import tasks
from accounts.models import User
from config.celery import app
from tests.conftest import WalledClient

FORM = {"email": "dora@example.net", "password1": "a long enough passphrase"}
BY_SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def silent_server(settings: Any) -> Iterator[socket.socket]:
    """The mail server takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        settings.EMAIL_BACKEND = BY_SMTP
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        yield server


def posted() -> str:
    """Take the mail that waits for a worker off the broker."""
    with app.connection_for_read() as broker, broker.channel() as channel:
        queue = Queue("default")(channel)
        while message := queue.get(no_ack=True):
            if message.headers["task"] == tasks.send_account_mail.name:
                [sealed] = message.payload[0]
                return str(sealed)
    raise AssertionError("no mail waits")


@pytest.mark.usefixtures("live_database")
def test_signing_up_never_speaks_to_the_mail_server(
    silent_server: socket.socket, settings: Any
) -> None:
    answer = WalledClient().post("/signup/", FORM)
    assert (answer.status_code, answer["Location"]) == (302, "/confirm-email/")
    assert User.objects.filter(email=FORM["email"]).exists()
    with pytest.raises(BlockingIOError):
        silent_server.accept()
    sealed = posted()
    assert "confirm-email" not in sealed, "the link lets its holder in"

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    tasks.send_account_mail(sealed)
    [message] = mail.outbox
    assert message.to == [FORM["email"]]
    assert "/confirm-email/" in message.body
    [(html, kind)] = message.alternatives
    assert kind == "text/html"
    assert "/confirm-email/" in html


@pytest.mark.usefixtures("live_database")
def test_a_worker_waits_for_a_silent_mail_server_only_so_long(
    silent_server: socket.socket, settings: Any
) -> None:
    assert settings.EMAIL_TIMEOUT == 10
    settings.EMAIL_TIMEOUT = 0.2
    WalledClient().post("/signup/", FORM)
    with pytest.raises(OSError, match="timed out"):
        tasks.send_account_mail(posted())
    reached, _ = silent_server.accept()
    reached.close()
