"""The demo's mailbox: every mail is readable, none of them can do anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.filebased import EmailBackend
from django.test import Client
from django.urls import NoReverseMatch, reverse

from config.web.mailbox import find_mail, newest_mails


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.DEMO = True
    settings.ROOT_URLCONF = "tests.integration.config.web.demo_urls"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


def send(folder: Path, *messages: mail.EmailMessage) -> None:
    """Send with one connection of Django's own file backend: its files are what is read."""
    EmailBackend(file_path=str(folder)).send_messages(list(messages))


def message(subject: str, body: str = "Hello", html: str = "") -> mail.EmailMultiAlternatives:
    made = mail.EmailMultiAlternatives(subject, body, "from@example.net", ["dora@example.net"])
    if html:
        made.attach_alternative(html, "text/html")
    return made


def test_an_empty_mailbox_says_so(folder: Path) -> None:
    page = Client().get("/demo/mail/")
    assert page.status_code == 200
    assert "No mail yet" in page.content.decode()


def test_mails_are_listed_with_their_subjects_and_recipients(folder: Path) -> None:
    send(folder, message("First"), message("Größe <b>"))
    page = Client().get("/demo/mail/").content.decode()
    assert "First" in page
    assert "Größe &lt;b&gt;" in page
    assert "dora@example.net" in page


def test_a_line_of_hyphens_inside_a_mail_is_not_taken_for_its_end_when_shorter(
    folder: Path,
) -> None:
    send(folder, message("Lines", "above\n" + "-" * 40 + "\nbelow"))
    (found,) = newest_mails(folder)
    assert "below" in found.text


def test_the_text_is_shown_with_links_and_without_markup(folder: Path) -> None:
    send(folder, message("Hi", "Go to http://127.0.0.1:8000/confirm/x/ <script>alert(1)</script>"))
    (found,) = newest_mails(folder)
    page = Client().get(f"/demo/mail/{found.name}/").content.decode()
    assert '<a href="http://127.0.0.1:8000/confirm/x/"' in page
    assert "<script>alert" not in page


def test_the_html_part_runs_nothing(folder: Path) -> None:
    send(folder, message("Hi", html="<p>Hello</p><script>alert(1)</script>"))
    (found,) = newest_mails(folder)
    answer = Client().get(f"/demo/mail/{found.name}/html/")
    assert "<p>Hello</p>" in answer.content.decode()
    policy = answer["Content-Security-Policy"]
    assert "sandbox" in policy.split("; ")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_a_mail_without_html_has_no_html_page(folder: Path) -> None:
    send(folder, message("Hi"))
    (found,) = newest_mails(folder)
    assert Client().get(f"/demo/mail/{found.name}/html/").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "..", "../secret", "%2e%2e%2fsecret", "secret", "secret.0", "20261121-020304-5.1/..",
        "20261121-020304-5.9", "20261121-020304-5.0\0", "/etc/passwd",
    ],
)  # fmt: skip
def test_no_other_file_can_be_asked_for(folder: Path, name: str) -> None:
    send(folder, message("Hi"))
    (folder.parent / "secret").write_text("top secret")
    (folder.parent / "secret.log").write_text("Subject: top secret\n\nbody")
    assert find_mail(folder, name) is None
    assert Client().get(f"/demo/mail/{name}/").status_code == 404


def test_outside_the_demo_there_is_no_mailbox() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("demo_mail")
    assert Client().get("/demo/mail/").status_code == 404
