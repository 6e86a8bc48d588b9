"""Every door of the web: what it costs, what it tells, and how often one may knock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils.timezone import now

from accounts.models import AuditLog, User
from config.kit.ids import random_token
from tests.conftest import People, WalledClient
from tests.factories.sign_in import PASSWORD, browser, enrol, sign_in
from tests.integration.accounts.hashing import HASHERS, KINDS, address_of, hashes_of

pytestmark = pytest.mark.usefixtures("postman")
BACKOFFICE = {"ROOT_URLCONF": "config.urls_backoffice", "BACKOFFICE": True}
DOORS = {
    "/login/": {"login": "{}", "password": "wrong password"},
    "/signup/": {"email": "{}", "password1": "a long enough passphrase"},
    "/password/reset/": {"email": "{}"},
}


def knock(path: str, email: str, client: Client | None = None, **extra: Any) -> Any:
    form = {name: value.format(email) for name, value in DOORS[path].items()}
    return (client or WalledClient()).post(path, form, **extra)


@pytest.fixture
def counting() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=HASHERS):
        yield


@pytest.mark.parametrize("path", DOORS)
def test_a_door_costs_the_same_hashes_for_every_kind_of_account(
    people: People, counting: None, path: str
) -> None:
    """AUT-1 (ASVS 6.3.8)"""
    people.alice.set_password(PASSWORD)
    people.alice.save()
    costs = {}
    for kind in KINDS:
        email = address_of(kind, User.objects.get(pk=people.alice.pk))
        costs[kind] = hashes_of(lambda email=email: knock(path, email))  # type: ignore[misc]
        User.objects.filter(pk=people.alice.pk).update(status="active")
        cache.clear()
    assert len(set(costs.values())) == 1, costs


def test_the_staff_entrance_costs_the_same_hashes_for_every_kind_of_account(
    people: People, counting: None
) -> None:
    """AUT-1 (ASVS 6.3.8)"""
    costs = {}
    with override_settings(**BACKOFFICE):
        for kind in KINDS:
            email = address_of(kind, User.objects.get(pk=people.alice.pk))
            form = {"login": email, "password": "wrong password"}
            costs[kind] = hashes_of(lambda form=form: Client().post("/accounts/login/", form))  # type: ignore[misc]
            User.objects.filter(pk=people.alice.pk).update(status="active")
            cache.clear()
    assert set(costs.values()) == {1}, costs


def test_a_failed_login_takes_about_as_long_for_a_known_address(people: People) -> None:
    """AUT-1, coarsely: the medians of 15 tries each are within a factor of two."""
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
    ):
        people.alice.set_password(PASSWORD)
        people.alice.save()
        times: dict[str, list[float]] = {"alice@example.com": [], "agnes@example.com": []}
        for number in range(15):
            for email, taken in times.items():
                cache.clear()
                start = perf_counter()
                knock("/login/", email, REMOTE_ADDR=f"192.0.2.{number + 1}")
                taken.append(perf_counter() - start)
    known, unknown = (median(taken) for taken in times.values())
    assert 0.5 < known / unknown < 2


def _told(path: str, email: str) -> tuple[Any, ...]:
    client = WalledClient()
    answer = knock(path, email, client)
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("X-Request-Id", "Content-Length", "Expires")
    }
    shown = answer if answer.status_code == 200 else client.get(answer["Location"])
    text = shown.content.decode().replace(email, "")
    tokens = len([line for line in text.splitlines() if "csrfmiddlewaretoken" in line])
    return answer.status_code, headers, len(text), tokens, set(answer.cookies)


@pytest.mark.parametrize("path", DOORS)
def test_a_door_tells_nobody_who_has_an_account(people: People, path: str) -> None:
    """AUT-2: status, headers, cookies and length are the same for a known and an unknown address."""
    assert _told(path, "alice@example.com") == _told(path, "agnes@example.com")


def test_asking_for_another_link_tells_nobody_who_has_an_account(people: People) -> None:
    """AUT-2: the resend is a sign-up again; both are answered by the same page."""
    for email in ("alice@example.com", "agnes@example.com"):
        knock("/signup/", email)
    told = [_told("/signup/", email) for email in ("alice@example.com", "agnes@example.com")]
    assert told[0] == told[1]


def test_the_staff_entrance_tells_nobody_who_is_staff(people: People) -> None:
    """AUT-2"""
    with override_settings(**BACKOFFICE):
        told = []
        for email in ("alice@example.com", "agnes@example.com"):
            answer = Client().post("/accounts/login/", {"login": email, "password": "wrong one"})
            text = answer.content.decode().replace(email, "")
            told.append((answer.status_code, len(text)))
    assert told[0] == told[1]


def test_five_wrong_passwords_pause_the_address_they_came_from(people: People) -> None:
    """AUT-3 (ASVS 6.3.1): then 429 with Retry-After; from elsewhere the owner gets in."""
    attacker = WalledClient(REMOTE_ADDR="203.0.113.5")
    for _ in range(5):
        assert sign_in(attacker, password="wrong password").status_code == 200
    refused = sign_in(attacker, password="wrong password")
    assert (refused.status_code, refused["Retry-After"]) == (429, "300")
    assert sign_in(attacker).status_code == 429, "not even the right one: guessing stays unseen"
    assert sign_in(attacker, "bob@example.com").status_code == 302
    browser(ip="198.51.100.1")


def test_a_forwarded_address_of_a_stranger_is_not_believed(people: People) -> None:
    """AUT-3 (ASVS 4.1.3): a new X-Forwarded-For each time does not start the count anew."""
    client = WalledClient()
    answers = [
        sign_in(client, password="wrong", headers={"X-Forwarded-For": f"198.51.100.{number}"})
        for number in range(6)
    ]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    with override_settings(TRUSTED_PROXIES=1):
        honest = WalledClient(headers={"X-Forwarded-For": "198.51.100.77"})
        assert sign_in(honest).status_code == 302


def test_the_staff_entrance_counts_as_well(people: People) -> None:
    """AUT-3"""
    with override_settings(**BACKOFFICE):
        client = Client()
        form = {"login": "alice@example.com", "password": "wrong"}
        codes = [client.post("/accounts/login/", form).status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]


def test_guessing_from_many_addresses_slows_down_and_warns_the_owner_who_still_gets_in(
    people: People,
) -> None:
    """AUT-3: 50 failures an hour; then each address has one try, and the owner one mail."""
    with time_machine.travel(now(), tick=False):
        for number in range(51):
            guess = sign_in(WalledClient(), password="wrong", REMOTE_ADDR=f"203.0.113.{number + 1}")
            assert guess.status_code == 200, number
        assert [message.to for message in mail.outbox] == [["alice@example.com"]]
        assert "guessing" in mail.outbox[0].subject
        assert AuditLog.objects.filter(action="user.guessing_noticed").count() == 1
        slowed = WalledClient(REMOTE_ADDR="198.51.100.9")
        assert sign_in(slowed, password="wrong").status_code == 200
        assert sign_in(slowed, password="wrong").status_code == 429
        for _ in range(2):
            browser(ip="198.51.100.20")
        assert len(mail.outbox) == 1, "one notice a day"
        assert sign_in(WalledClient(), "bob@example.com").status_code == 302


def test_an_unknown_account_is_slowed_alike_and_mails_nobody(people: People) -> None:
    """AUT-2, AUT-3"""
    for number in range(51):
        sign_in(WalledClient(), "agnes@example.com", REMOTE_ADDR=f"203.0.113.{number + 1}")
    slowed = WalledClient(REMOTE_ADDR="198.51.100.9")
    assert sign_in(slowed, "agnes@example.com").status_code == 200
    assert sign_in(slowed, "agnes@example.com").status_code == 429
    assert mail.outbox == []


def test_codes_of_a_second_factor_cannot_be_guessed_without_end(people: People) -> None:
    """AUT-3, AUT-5"""
    from_app = WalledClient()
    enrol(people.alice)
    sign_in(from_app)
    texts = [
        from_app.post("/2fa/authenticate/", {"code": "000000"}).content.decode() for _ in range(6)
    ]
    assert "Incorrect code" in texts[0]
    assert "Too many" in texts[5]


@pytest.mark.parametrize("process", ["web", "backoffice"])
def test_cookies_are_bound_to_the_host_and_hidden_from_scripts(process: str) -> None:
    """AUT-12 (ASVS 3.3.1 to 3.3.4): as served over https."""
    env = {
        "PATH": os.environ["PATH"],
        "SWITCHYARD_PROCESS": process,
        "SITE_URL": "https://app.example",
        "BACKOFFICE_URL": "https://staff.example",
        "DJANGO_SETTINGS_MODULE": "config.settings.base",
        "SECRET_KEY": random_token(),
    }
    script = (
        "from django.conf import settings as s\n"
        "for n in ('SESSION', 'CSRF'):\n"
        "  print(*(getattr(s, f'{n}_COOKIE_{k}') for k in"
        " ('NAME','SECURE','HTTPONLY','SAMESITE')), getattr(s, f'{n}_COOKIE_DOMAIN'),"
        " getattr(s, f'{n}_COOKIE_PATH'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True,
    )  # fmt: skip
    name = "backoffice" if process == "backoffice" else "switchyard"
    same = "Strict" if process == "backoffice" else "Lax"
    assert done.stdout.splitlines() == [
        f"__Host-{name}_session True True {same} None /",
        f"__Host-{name}_csrf True True {same} None /",
    ]


def test_the_cookies_of_an_answer_have_the_flags_of_the_settings(people: People) -> None:
    """AUT-12"""
    with override_settings(SESSION_COOKIE_SECURE=True, CSRF_COOKIE_SECURE=True):
        client = WalledClient()
        client.get("/login/")
        answer = sign_in(client)
    morsel = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"]) == (True, True, "Lax")
    assert not morsel["domain"]
