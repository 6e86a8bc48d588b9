"""Signing up: from the form to the welcome page, and what a stranger can learn from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.test import override_settings

from accounts.models import Membership, Organization, User
from config.kit import context
from tests.conftest import People, WalledClient
from tests.integration.accounts.hashing import CountingHasher

pytestmark = pytest.mark.usefixtures("postman")
PASSWORD = "a long enough passphrase"
LINK = re.compile(r"http://\S+/confirm-email/\S+/")


def sign_up(client: WalledClient, email: str) -> Any:
    return client.post("/signup/", {"email": email, "password1": PASSWORD})


def link_in(message: Any) -> str:
    found = LINK.search(message.body)
    assert found, message.body
    return "/" + found[0].split("/", 3)[3]


@pytest.fixture
def newcomer(db: None) -> WalledClient:
    return WalledClient()


def test_a_person_signs_up_confirms_and_lands_on_the_welcome_page(newcomer: WalledClient) -> None:
    answer = sign_up(newcomer, "dora@example.net")
    assert answer.status_code == 302
    assert answer["Location"] == "/confirm-email/"
    assert "Check your mail" in newcomer.get("/confirm-email/").content.decode()

    assert [message.to for message in mail.outbox] == [["dora@example.net"]]
    link = link_in(mail.outbox[0])
    assert newcomer.get(link).status_code == 200
    confirmed = newcomer.post(link)
    assert (confirmed.status_code, confirmed["Location"]) == (302, "/welcome/")
    assert newcomer.get("/welcome/").status_code == 200


def test_signing_up_founds_a_personal_organization_with_one_owner(newcomer: WalledClient) -> None:
    sign_up(newcomer, "dora@example.net")
    user = User.objects.get(email="dora@example.net")
    with context.acting(user_id=user.pk):
        membership = Membership.objects.select_related("organization").get(user=user)
    assert membership.role == Membership.Role.OWNER
    assert membership.organization.is_personal


def test_who_confirms_in_another_browser_sees_the_welcome_page_after_the_first_login(
    newcomer: WalledClient,
) -> None:
    sign_up(newcomer, "dora@example.net")
    elsewhere = WalledClient()
    confirmed = elsewhere.post(link_in(mail.outbox[0]))
    assert confirmed["Location"] == "/login/"
    answer = elsewhere.post("/login/", {"login": "dora@example.net", "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/welcome/")


def test_without_a_confirmed_address_nobody_gets_in(newcomer: WalledClient) -> None:
    sign_up(newcomer, "dora@example.net")
    elsewhere = WalledClient()
    answer = elsewhere.post("/login/", {"login": "dora@example.net", "password": PASSWORD})
    assert answer["Location"] == "/confirm-email/"
    assert elsewhere.get("/")["Location"] == "/login/?next=/"


def test_a_confirmation_link_works_once_for_getting_in(newcomer: WalledClient) -> None:
    sign_up(newcomer, "dora@example.net")
    link = link_in(mail.outbox[0])
    newcomer.post(link)
    thief = WalledClient()
    thief.post(link)
    assert thief.get("/")["Location"] == "/login/?next=/"


def test_sign_up_answers_alike_for_a_known_and_an_unknown_address(people: People) -> None:
    known = sign_up(WalledClient(), "alice@example.com")
    unknown = sign_up(WalledClient(), "agnes@example.com")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert len(known.content) == len(unknown.content)
    assert User.objects.filter(email="alice@example.com").count() == 1
    # The owner of a known address is told, the one who asked is not.
    assert {message.to[0] for message in mail.outbox} == {"alice@example.com", "agnes@example.com"}


def test_reset_answers_alike_for_a_known_and_an_unknown_address(people: People) -> None:
    answers = []
    for email in ("alice@example.com", "agnes@example.com"):
        client = WalledClient()
        answer = client.post("/password/reset/", {"email": email})
        page = client.get(answer["Location"])
        answers.append((answer.status_code, answer["Location"], len(page.content)))
    assert answers[0] == answers[1]


def test_login_answers_alike_for_a_known_and_an_unknown_address(people: People) -> None:
    answers = []
    for email in ("alice@example.com", "agnes@example.com"):
        answer = WalledClient().post("/login/", {"login": email, "password": "wrong password"})
        answers.append((answer.status_code, len(answer.content)))
    assert answers[0] == answers[1]


@pytest.fixture
def counting() -> Iterator[type[CountingHasher]]:
    with override_settings(PASSWORD_HASHERS=["tests.integration.accounts.hashing.CountingHasher"]):
        yield CountingHasher


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/login/", {"login": "{}", "password": "wrong password"}),
        ("/signup/", {"email": "{}", "password1": PASSWORD}),
        ("/password/reset/", {"email": "{}"}),
    ],
)
def test_known_and_unknown_addresses_cost_the_same_hashes(
    counting: type[CountingHasher], people: People, path: str, form: dict[str, str]
) -> None:
    costs = []
    for email in ("alice@example.com", "agnes@example.com"):
        before = counting.computed
        WalledClient().post(path, {name: value.format(email) for name, value in form.items()})
        costs.append(counting.computed - before)
    assert costs[0] == costs[1]


def test_a_short_or_common_password_is_refused(newcomer: WalledClient) -> None:
    for password in ("short", "password12"):
        answer = newcomer.post("/signup/", {"email": "d@example.net", "password1": password})
        assert "password1" in answer.context["form"].errors, password
    assert not User.objects.filter(email="d@example.net").exists()
    assert not Organization.objects.exists()
