"""Second factors: added and removed by who has just shown who they are, and told by mail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from django.db import connection
from django.test import Client, override_settings
from django.urls import get_resolver
from django.utils.timezone import now

from accounts import events
from accounts.models import User
from config.kit.ids import unseal
from tests.conftest import People, WalledClient, make_people
from tests.factories.sign_in import PASSWORD, browser, code_for, enrol, later, sign_in

pytestmark = pytest.mark.usefixtures("postman")
BACKOFFICE = {"ROOT_URLCONF": "config.urls_backoffice", "BACKOFFICE": True}


@pytest.fixture
def still_clock() -> Iterator[None]:
    """A code is good for the half minute it is made in: the test must not cross into the next."""
    with time_machine.travel(now(), tick=False):
        yield


@pytest.fixture
def committed(live_database: None) -> People:
    """People in a database whose commits are real: a factor is announced once it is committed."""
    return make_people()


@pytest.fixture
def clock() -> Iterator[Any]:
    """Stands at the beginning of a half minute: each has one code."""
    moment = now().timestamp() // 30 * 30
    with time_machine.travel(moment, tick=False) as traveller:
        yield traveller


@contextmanager
def half_minute_over_once_used(clock: Any) -> Iterator[None]:
    """Let the code be used at the end of its half minute, and the request go on in the next."""
    clock.shift(29.9 - time.time() % 30)
    over = False

    def run(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal over
        answer = execute(sql, *rest)
        if sql.startswith('UPDATE "mfa_authenticator"') and not over:
            over = True
            clock.shift(0.2)
        return answer

    with connection.execute_wrapper(run):
        yield
    assert over, "no code was used"


def activate(client: Client, prefix: str = "") -> str:
    address = f"{prefix}/2fa/totp/activate/"
    secret: str = client.get(address).context["form"].secret
    answer = client.post(address, {"code": code_for(secret)})
    assert answer.status_code == 302, answer.context["form"].errors
    return secret


def test_a_code_of_the_app_works_once(people: People, still_clock: None) -> None:
    """AUT-5 (ASVS 6.5.1)"""
    enrol(people.alice)
    first, second = WalledClient(), WalledClient()
    for client in (first, second):
        sign_in(client)
        client.post("/2fa/authenticate/", {"code": code_for()})
    assert first.get("/profile/").status_code == 200
    assert second.get("/profile/").status_code == 302


def test_the_code_that_turned_the_app_on_signs_nobody_in(
    committed: People, still_clock: None
) -> None:
    """AUT-5"""
    secret = activate(browser())
    other = WalledClient()
    sign_in(other)
    other.post("/2fa/authenticate/", {"code": code_for(secret)})
    assert other.get("/profile/").status_code == 302


def test_each_half_minute_has_a_code_at_every_door(committed: People, clock: Any) -> None:
    """AUT-5: after enrolling, on a second device, and to show again who one is."""
    secret = activate(browser())
    first, second = WalledClient(), WalledClient()
    for client in (first, second):
        clock.shift(30)
        sign_in(client)
        assert client.post("/2fa/authenticate/", {"code": code_for(secret)}).status_code == 302
        assert client.get("/profile/").status_code == 200
    later(second)
    assert "reauthenticate" in second.get("/2fa/totp/deactivate/")["Location"]
    clock.shift(30)
    assert second.post("/2fa/reauthenticate/", {"code": code_for(secret)}).status_code == 302
    assert second.get("/2fa/totp/deactivate/").status_code == 200


def test_a_code_used_at_the_end_of_its_half_minute_leaves_the_next_one(
    people: People, clock: Any
) -> None:
    """AUT-5"""
    enrol(people.alice)
    first, second = WalledClient(), WalledClient()
    sign_in(first)
    with half_minute_over_once_used(clock):
        assert first.post("/2fa/authenticate/", {"code": code_for()}).status_code == 302
    sign_in(second)
    assert second.post("/2fa/authenticate/", {"code": code_for()}).status_code == 302
    used = code_for()
    assert first.post("/2fa/reauthenticate/", {"code": used}).status_code == 200, "used"
    clock.shift(30)
    with half_minute_over_once_used(clock):
        assert first.post("/2fa/reauthenticate/", {"code": code_for()}).status_code == 302
    assert second.post("/2fa/reauthenticate/", {"code": code_for()}).status_code == 302


def test_a_recovery_code_works_once(committed: People) -> None:
    """AUT-5"""
    client = browser()
    activate(client)
    stored = Authenticator.objects.get(user=committed.alice, type="recovery_codes")
    code = stored.wrap().get_unused_codes()[0]
    assert code not in str(stored.data)
    assert unseal(stored.data["seed"].encode())
    for expected in (200, 302):
        other = WalledClient()
        sign_in(other)
        other.post("/2fa/authenticate/", {"code": code})
        assert other.get("/profile/").status_code == expected


@pytest.mark.parametrize(
    "path",
    [
        "/2fa/totp/activate/", "/2fa/totp/deactivate/", "/2fa/webauthn/add/",
        "/2fa/recovery-codes/generate/", "/2fa/recovery-codes/", "/2fa/recovery-codes/download/",
    ],
)  # fmt: skip
def test_factors_are_touched_only_shortly_after_showing_who_one_is(
    people: People, path: str
) -> None:
    """AUT-5 (ASVS 7.5.1)"""
    client = WalledClient()
    if "activate" not in path or "de" in path:
        enrol(people.alice)
        sign_in(client)
        client.post("/2fa/authenticate/", {"code": code_for()})
    else:
        sign_in(client)
    later(client)
    for method in (client.get, client.post):
        assert "reauthenticate" in method(path)["Location"]


def test_adding_and_removing_an_app_mails_the_person(committed: People) -> None:
    """AUT-5 (ASVS 6.3.7)"""
    client = browser()
    activate(client)
    client.post("/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=committed.alice).exists()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]] * len(mail.outbox)
    subjects = [message.subject for message in mail.outbox]
    assert "Two-factor sign-in is on · Switchyard" in subjects
    assert "Two-factor sign-in is off · Switchyard" in subjects


def test_the_session_gets_a_new_key_with_the_factor_and_stays_listed(committed: People) -> None:
    """AUT-6 (ASVS 7.2.4)"""
    client = browser()
    before = client.session.session_key
    activate(client)
    after = client.session.session_key
    assert after != before
    assert client.get("/profile/").status_code == 200
    assert UserSession.objects.get(user=committed.alice).session_key == after


def test_staff_who_have_just_enrolled_are_in(committed: People) -> None:
    """AUT-4: enrolling proves the factor; nothing is opened before."""
    User.objects.filter(pk=committed.alice.pk).update(role="support")
    with override_settings(**BACKOFFICE):
        client = Client()
        form = {"login": "alice@example.com", "password": PASSWORD}
        assert client.post("/accounts/login/", form).status_code == 302
        assert client.get("/admin/")["Location"] == "/accounts/2fa/totp/activate/"
        activate(client, "/accounts")
        assert client.get("/admin/").status_code == 200


def test_a_staff_session_without_the_factor_is_refused_even_when_one_is_enrolled(
    people: People,
) -> None:
    """AUT-4 (ASVS 6.3.3)"""
    User.objects.filter(pk=people.alice.pk).update(role="admin")
    for kind in ("totp", "webauthn"):
        Authenticator.objects.all().delete()
        Authenticator.objects.create(user=people.alice, type=kind, data={})
        with override_settings(**BACKOFFICE):
            client = Client()
            client.force_login(User.objects.get(pk=people.alice.pk))
            assert client.get("/admin/")["Location"] == "/accounts/login/"


def test_no_door_takes_a_password_alone_for_a_token() -> None:
    """AUT-4 (ASVS 6.1.3): simplejwt's own views, which know no second factor, are not mounted."""

    def walk(patterns: list[Any]) -> Iterator[str]:
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns)
            else:
                view = getattr(pattern.callback, "view_class", pattern.callback)
                yield f"{view.__module__}.{getattr(view, '__name__', '')}"

    for urlconf in ("config.urls", "config.urls_backoffice"):
        views = set(walk(get_resolver(urlconf).url_patterns))
        assert not [view for view in views if view.startswith("rest_framework_simplejwt")]
        assert not [view for view in views if "authtoken" in view]


def test_a_new_password_ends_the_other_sessions_and_is_announced(people: People) -> None:
    """AUT-6 (ASVS 7.4.3): tokens listen to the announcement."""
    here, there = browser(), browser()
    heard: list[dict[str, Any]] = []

    def hear(**facts: Any) -> None:
        heard.append(facts)

    events.credentials_changed.connect(hear)
    try:
        before = here.session.session_key
        form = {"oldpassword": PASSWORD, "password1": "another long phrase"}
        here.post("/password/change/", form | {"password2": form["password1"]})
    finally:
        events.credentials_changed.disconnect(hear)
    assert here.session.session_key != before
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302
    assert UserSession.objects.get(user=people.alice).session_key == here.session.session_key
    assert [(each["user"], each["keep"]) for each in heard] == [
        (people.alice, here.session.session_key)
    ]


def test_a_password_reset_ends_every_session(people: People) -> None:
    """AUT-6"""
    there = browser()
    client = WalledClient()
    client.post("/password/reset/", {"email": "alice@example.com"})
    link = next(word for word in mail.outbox[0].body.split() if "/password/reset/key/" in word)
    form_page = client.get("/" + link.split("/", 3)[3], follow=True)
    address = form_page.redirect_chain[-1][0]
    client.post(address, {"password1": "another long phrase", "password2": "another long phrase"})
    assert there.get("/profile/").status_code == 302
    assert not UserSession.objects.filter(user=people.alice).exists()
    assert sign_in(WalledClient(), password="another long phrase").status_code == 302


def test_a_new_address_is_confirmed_first_and_the_old_one_is_told(people: People) -> None:
    """AUT-5 (ASVS 6.3.7)"""
    client = browser()
    later(client)
    change = {"email": "alice@new.example", "action_add": ""}
    assert "reauthenticate" in client.post("/email/", change)["Location"]
    client = browser()
    client.post("/email/", change)
    client.post("/email/", {"email": "alice@new.example", "action_primary": ""})
    assert User.objects.get(pk=people.alice.pk).email == "alice@example.com", "not confirmed yet"
    sent = next(message for message in mail.outbox if message.to == ["alice@new.example"])
    link = next(word for word in sent.body.split() if "/confirm-email/" in word)
    client.post("/" + link.split("/", 3)[3])
    client.post("/email/", {"email": "alice@new.example", "action_primary": ""})
    assert User.objects.get(pk=people.alice.pk).email == "alice@new.example"
    told = [message for message in mail.outbox if message.to == ["alice@example.com"]]
    assert any("changed" in message.subject.lower() for message in told)
