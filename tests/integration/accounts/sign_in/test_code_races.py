"""Eight at once with one code: one gets in, by whichever door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client, override_settings
from django.utils.timezone import now

from accounts.models import User
from accounts.services.factors import use_code
from config.kit.redis import connect
from tests.conftest import People, WalledClient, make_people
from tests.factories.sign_in import PASSWORD, sign_in
from tests.factories.tokens import ApiClient, code_for, race, recovery_code

ROUNDS, AT_ONCE = 20, 8
BACKOFFICE = {"ROOT_URLCONF": "config.urls_backoffice", "BACKOFFICE": True}


@pytest.fixture(autouse=True)
def still_clock() -> Iterator[None]:
    """A code is good for the half minute it is made in: the test must not cross into the next."""
    with time_machine.travel(now(), tick=False):
        yield


@pytest.fixture
def people(live_database: None) -> People:
    return make_people()


def app_code(user: User) -> str:
    """Give the person a new app and return the code that it shows."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return code_for(secret)


def printed_code(user: User) -> str:
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    return recovery_code(user)


KINDS = pytest.mark.parametrize("a_code", [app_code, printed_code])


def begin(user: User) -> None:
    """Forget what the former round left: its factors, its sessions and the tries it counted."""
    Authenticator.objects.filter(user=user).delete()
    connect().flushdb()


@KINDS
def test_of_eight_uses_at_once_one_succeeds(people: People, a_code: Callable[..., str]) -> None:
    """AUT-5"""
    for _ in range(ROUNDS):
        begin(people.alice)
        code = a_code(people.alice)
        used = race([partial(use_code, people.alice, code)] * AT_ONCE)
        assert len([each for each in used if each is not None]) == 1


@KINDS
def test_the_cache_has_no_say_in_it(people: People, a_code: Callable[..., str]) -> None:
    """AUT-5: the same while every process has a cache of its own."""
    none = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    with override_settings(CACHES={"default": none, "sessions": none}):
        for _ in range(ROUNDS):
            begin(people.alice)
            code = a_code(people.alice)
            used = race([partial(use_code, people.alice, code)] * AT_ONCE)
            assert len([each for each in used if each is not None]) == 1


def web_door() -> Callable[[str], bool]:
    """Bring the password and return how to bring the code; it tells whether one is in."""
    client = WalledClient()
    sign_in(client)

    def bring(code: str) -> bool:
        return bool(client.post("/2fa/authenticate/", {"code": code}).status_code == 302)

    return bring


def api_door() -> Callable[[str], bool]:
    client = ApiClient()
    challenge = client.login().json()["data"]["challenge"]

    def bring(code: str) -> bool:
        wish = {"challenge": challenge, "code": code}
        return bool(client.ask("post", "auth/second-factor", wish).status_code == 200)

    return bring


@KINDS
def test_website_and_api_at_once_let_one_in(people: People, a_code: Callable[..., str]) -> None:
    """AUT-5"""
    for _ in range(ROUNDS):
        begin(people.alice)
        code = a_code(people.alice)
        doors = [door() for door in (web_door, api_door) for _ in range(AT_ONCE // 2)]
        assert race([partial(door, code) for door in doors]).count(True) == 1


@override_settings(**BACKOFFICE)
def test_the_back_office_lets_one_in(people: People) -> None:
    """AUT-5"""
    User.objects.filter(pk=people.alice.pk).update(role="support")

    def bring(client: Client, code: str) -> Any:
        return client.post("/accounts/2fa/authenticate/", {"code": code}).status_code

    for _ in range(ROUNDS):
        begin(people.alice)
        code = app_code(people.alice)
        clients = [Client() for _ in range(AT_ONCE)]
        for client in clients:
            client.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
        assert race([partial(bring, client, code) for client in clients]).count(302) == 1
