"""Signing in while Redis is away: customers get in, guessing stays bounded, staff wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.cache import caches
from django.test import Client, override_settings
from django.utils.timezone import now

from config.embedded.ports import first_free
from tests.conftest import People, WalledClient
from tests.factories.sign_in import PASSWORD, browser, code_for, enrol, sign_in


@pytest.fixture
def nowhere() -> str:
    """An address where no Redis listens."""
    return f"redis://127.0.0.1:{first_free(19900)}/0"


@pytest.fixture
def redis_away(nowhere: str) -> Iterator[None]:
    """The site's caches point where nothing answers."""
    gone = {name: {**cache, "LOCATION": nowhere} for name, cache in settings.CACHES.items()}
    with override_settings(CACHES=gone):
        yield
    for alias in settings.CACHES:
        caches[alias].clear()


def test_customers_sign_in_and_go_on(people: People, redis_away: None) -> None:
    """AUT-9"""
    client = browser()
    assert client.get("/profile/").status_code == 200
    assert client.get("/security/sessions/").status_code == 200
    client.post("/logout/")
    assert client.get("/profile/").status_code == 302


def test_guessing_is_bounded_by_what_the_process_remembers(
    people: People, redis_away: None
) -> None:
    """AUT-3, AUT-9"""
    client = WalledClient()
    codes = [sign_in(client, password="wrong").status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    browser("bob@example.com")


def test_a_second_factor_is_asked_for_all_the_same(people: People, redis_away: None) -> None:
    """AUT-9"""
    enrol(people.alice)
    client = WalledClient()
    assert sign_in(client)["Location"] == "/2fa/authenticate/"
    assert client.get("/profile/").status_code == 302


def test_a_code_used_meanwhile_is_used_when_redis_is_back(people: People, nowhere: str) -> None:
    """AUT-5, AUT-9: what a process remembered in memory is forgotten by then."""
    enrol(people.alice)
    outcomes = []
    with time_machine.travel(now(), tick=False):
        for address in (nowhere, settings.REDIS_URL):
            caches = {
                name: {**cache, "LOCATION": address} for name, cache in settings.CACHES.items()
            }
            with override_settings(CACHES=caches):
                client = WalledClient()
                sign_in(client)
                client.post("/2fa/authenticate/", {"code": code_for()})
                outcomes.append(client.get("/profile/").status_code)
    assert outcomes == [200, 302]


@pytest.mark.parametrize("path", ["/login/", "/signup/", "/password/reset/"])
def test_no_door_breaks(people: People, redis_away: None, path: str) -> None:
    """AUT-9: no 500."""
    forms: dict[str, dict[str, Any]] = {
        "/login/": {"login": "agnes@example.com", "password": "wrong"},
        "/signup/": {"email": "agnes@example.com", "password1": "a long enough passphrase"},
        "/password/reset/": {"email": "agnes@example.com"},
    }
    client = WalledClient()
    assert client.get(path).status_code == 200
    assert client.post(path, forms[path]).status_code in (200, 302)


def test_staff_are_told_to_wait(people: People, nowhere: str, monkeypatch: Any) -> None:
    """AUT-9: what cannot be counted is not tried at the staff entrance."""
    plain = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": nowhere}
    options = {"OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 0.1}}
    gone = dict.fromkeys(settings.CACHES, plain | options)
    with override_settings(
        CACHES=gone,
        REDIS_URL=nowhere,
        ROOT_URLCONF="config.urls_backoffice",
        BACKOFFICE=True,
    ):
        form = {"login": "alice@example.com", "password": PASSWORD}
        answer = Client().post("/accounts/login/", form)
    assert answer.status_code in (429, 503)
    assert "Retry-After" in answer.headers
