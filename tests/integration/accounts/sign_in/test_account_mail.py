"""Mails of the sign-in pages: a row owes each until a worker has sent it, whatever is away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread
from typing import Any

import pytest
import time_machine
from allauth.account import app_settings
from celery import current_app
from django.conf import settings as django_settings
from django.core import mail
from django.core.cache import caches
from django.db import ProgrammingError, connection, transaction
from django.test import override_settings
from django.utils.timezone import now
from kombu import Queue

from accounts import tasks
from accounts.models import AccountMail, User
from accounts.services import account_mail
from accounts.services.privacy import erase_user
from config.celery import app
from config.embedded.ports import first_free
from tests.conftest import WalledClient, behind_the_wall

FORM = {"email": "dora@example.net", "password1": "a long enough passphrase"}
BY_SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def silent_server(settings: Any) -> Iterator[socket.socket]:
    """The mail server takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        settings.EMAIL_BACKEND = BY_SMTP
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        yield server


class _MailServer(TCPServer):
    """Takes the recipients of mails, or refuses them for now."""

    refusing = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.taken: list[str] = []


class _Conversation(StreamRequestHandler):
    server: _MailServer

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode():
            match line[:4].upper():
                case "RCPT" if self.server.refusing:
                    self._say("451 try again later")
                case "DATA":
                    self._say("354 go on")
                    self.server.taken.append("".join(iter(self._line, ".\r\n")))
                    self._say("250 taken")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 well")

    def _line(self) -> str:
        return self.rfile.readline().decode()

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@pytest.fixture
def mail_server(settings: Any) -> Iterator[_MailServer]:
    with _MailServer() as server:
        settings.EMAIL_BACKEND = BY_SMTP
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@contextmanager
def redis_away() -> Iterator[None]:
    """Neither the caches nor the broker of the site answer."""
    nowhere = f"redis://127.0.0.1:{first_free(19900)}/0"
    gone = {name: {**cache, "LOCATION": nowhere} for name, cache in django_settings.CACHES.items()}
    conf: Any = current_app.conf
    alive = conf.broker_write_url
    conf.broker_write_url = nowhere
    current_app._after_fork()  # forgets its connections
    try:
        with override_settings(CACHES=gone):
            yield
    finally:
        conf.broker_write_url = alive
        current_app._after_fork()
    for alias in django_settings.CACHES:
        caches[alias].clear()


def nudges() -> list[str]:
    """Take the nudges for mails off the broker."""
    found = []
    with app.connection_for_read() as broker, broker.channel() as channel:
        queue = Queue("mail")(channel)
        while message := queue.get(no_ack=True):
            if message.headers["task"] == tasks.send_account_mail.name:
                found += message.payload[0]
    return found


def sign_up(email: str = FORM["email"]) -> AccountMail:
    answer = WalledClient().post("/signup/", FORM | {"email": email})
    assert (answer.status_code, answer["Location"]) == (302, "/confirm-email/")
    assert User.objects.filter(email=email).exists()
    return AccountMail.objects.latest("created_at")


def after_the_claim(at: datetime | None = None) -> datetime:
    return (at or now()) + django_settings.CLAIM_LEASE + timedelta(seconds=1)


@pytest.mark.usefixtures("live_database")
def test_signing_up_never_speaks_to_the_mail_server(
    silent_server: socket.socket, settings: Any
) -> None:
    owed = sign_up()
    silent_server.setblocking(False)
    with pytest.raises(BlockingIOError):
        silent_server.accept()
    assert nudges() == [str(owed.pk)]

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    tasks.send_account_mail(str(owed.pk))
    [message] = mail.outbox
    assert message.to == [FORM["email"]]
    assert "/confirm-email/" in message.body
    [(html, kind)] = message.alternatives
    assert kind == "text/html"
    assert "/confirm-email/" in html
    assert not AccountMail.objects.exists()


@pytest.mark.usefixtures("db")
def test_neither_link_nor_address_lies_in_clear_and_the_site_reads_no_mail() -> None:
    """The link lets its holder in."""
    sign_up()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_accountmail")
        row = cursor.fetchone()
    lying = b" ".join(bytes(each) if isinstance(each, memoryview | bytes) else str(each).encode()
                      for each in row)  # fmt: skip
    assert b"confirm-email" not in lying
    assert FORM["email"].encode() not in lying
    for statement in (
        "SELECT message_sealed FROM accounts_accountmail",
        "UPDATE accounts_accountmail SET attempts = 9",
        "DELETE FROM accounts_accountmail",
    ):
        with (
            behind_the_wall(),
            pytest.raises(ProgrammingError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


@pytest.mark.usefixtures("live_database")
def test_a_mail_written_while_redis_is_away_is_sent_when_it_is_back() -> None:
    """AUT-9: the nudge is lost, the row is not."""
    with redis_away():
        owed = sign_up()
    assert nudges() == []
    tasks.sweep_account_mails()
    assert nudges() == [], "one that was just written has its own nudge"
    with time_machine.travel(now() + account_mail.SOON + timedelta(seconds=1)):
        tasks.sweep_account_mails()
        assert nudges() == [str(owed.pk)]
        tasks.send_account_mail(str(owed.pk))
        tasks.sweep_account_mails()
    assert [each.to for each in mail.outbox] == [[FORM["email"]]]
    assert nudges() == []


@pytest.mark.usefixtures("live_database")
def test_a_nudge_that_comes_twice_sends_once(silent_server: socket.socket, settings: Any) -> None:
    owed = sign_up()

    def send() -> bool:
        try:
            return account_mail.send_due(owed.pk, at=now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        reached, _ = silent_server.accept()
        assert not account_mail.send_due(owed.pk, at=now()), "another worker is at it"
        reached.close()
        with pytest.raises(OSError, match="closed"):
            sending.result(timeout=30)

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert account_mail.send_due(owed.pk, at=after_the_claim())
    assert not account_mail.send_due(owed.pk, at=after_the_claim())
    tasks.send_account_mail(str(owed.pk))
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("live_database")
def test_a_mail_that_was_refused_is_tried_until_it_is_taken(mail_server: _MailServer) -> None:
    owed, at = sign_up(), now()
    for attempt in (1, 2):
        with pytest.raises(OSError, match="try again later"):
            account_mail.send_due(owed.pk, at=at)
        owed.refresh_from_db()
        assert owed.attempts == attempt
        assert account_mail.due_mails(at) == []
        at = after_the_claim(at)
        assert account_mail.due_mails(at) == [owed.pk]
    mail_server.refusing = False
    assert account_mail.send_due(owed.pk, at=at)
    [message] = mail_server.taken
    assert f"To: {FORM['email']}" in message
    assert account_mail.due_mails(at + timedelta(days=1)) == []


@pytest.mark.usefixtures("db")
def test_a_mail_is_given_up_when_its_link_is_dead(settings: Any) -> None:
    lives = [settings.PASSWORD_RESET_TIMEOUT, app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS * 86400]
    assert account_mail.LONGEST_TRIED.total_seconds() <= min(lives)
    owed = sign_up()
    before = owed.created_at + account_mail.LONGEST_TRIED - timedelta(seconds=1)
    assert account_mail.give_up(before) == 0
    over = owed.created_at + account_mail.LONGEST_TRIED
    assert not account_mail.send_due(owed.pk, at=over)
    with time_machine.travel(over):
        tasks.sweep_account_mails()
    assert not AccountMail.objects.exists()


@pytest.mark.usefixtures("live_database")
def test_who_is_erased_gets_no_mail_any_more() -> None:
    sign_up()
    kept = sign_up("emil@example.net")
    erase_user(User.objects.get(email=FORM["email"]), reason="asked by letter")
    assert AccountMail.objects.get() == kept


@pytest.mark.usefixtures("live_database")
def test_a_worker_waits_for_a_silent_mail_server_only_so_long(
    silent_server: socket.socket, settings: Any
) -> None:
    assert settings.EMAIL_TIMEOUT == 10
    settings.EMAIL_TIMEOUT = 0.2
    owed = sign_up()
    with pytest.raises(OSError, match="timed out"):
        tasks.send_account_mail(str(owed.pk))
    reached, _ = silent_server.accept()
    reached.close()
