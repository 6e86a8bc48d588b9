"""Signing in: sessions, limits, second factors."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings

from accounts.models import AuditLog
from config.kit.ids import unseal
from tests.conftest import People, WalledClient

PASSWORD = "correct horse battery"


def code_for(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def sign_in(
    client: WalledClient, email: str = "alice@example.com", password: str = PASSWORD
) -> Any:
    return client.post("/login/", {"login": email, "password": password})


def test_the_session_key_changes_at_login(people: People) -> None:
    client = WalledClient()
    client.get("/login/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    before = session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME] = before
    assert sign_in(client).status_code == 302
    assert client.session.session_key != before


def test_too_many_wrong_passwords_are_answered_with_429_and_a_time(people: People) -> None:
    client = WalledClient()
    for _ in range(5):
        assert sign_in(client, password="wrong password").status_code == 200
    refused = sign_in(client, password="wrong password")
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "Too many tries" in refused.content.decode()
    # Not even the right password gets through now: guessing must not go on unseen.
    assert sign_in(client).status_code == 429
    # Others sign in as before.
    assert sign_in(WalledClient(), "bob@example.com").status_code == 302


def test_a_failed_login_is_in_the_trail_without_what_was_typed(people: People) -> None:
    sign_in(WalledClient(), password="wrong password")
    entry = AuditLog.objects.filter(action="user.login_failed").get()
    assert entry.entity_id is None
    assert "alice" not in str(entry.new_values)


def test_a_changed_password_ends_the_other_sessions(people: People) -> None:
    here, elsewhere = WalledClient(), WalledClient()
    for client in (here, elsewhere):
        sign_in(client)
        assert client.get("/profile/").status_code == 200
    changed = here.post(
        "/password/change/",
        {
            "oldpassword": PASSWORD,
            "password1": "another long phrase",
            "password2": "another long phrase",
        },
    )
    assert changed.status_code == 302
    assert here.get("/profile/").status_code == 200
    assert elsewhere.get("/profile/").status_code == 302


def enroll(client: WalledClient) -> str:
    page = client.get("/2fa/totp/activate/")
    secret: str = page.context["form"].secret
    answer = client.post("/2fa/totp/activate/", {"code": code_for(secret)})
    assert answer.status_code == 302, answer.context["form"].errors
    return secret


@pytest.fixture
def enrolled(people: People) -> str:
    client = WalledClient()
    sign_in(client)
    return enroll(client)


def test_a_factor_is_added_only_shortly_after_the_password_was_typed(people: People) -> None:
    client = WalledClient()
    sign_in(client)
    assert client.get("/2fa/totp/activate/").status_code == 200
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    asked = client.get("/2fa/totp/activate/")
    assert asked["Location"] == "/reauthenticate/?next=%2F2fa%2Ftotp%2Factivate%2F"
    assert client.post(asked["Location"], {"password": PASSWORD}).status_code == 302
    assert client.get("/2fa/totp/activate/").status_code == 200


def test_a_totp_secret_is_sealed_at_rest(enrolled: str, people: People) -> None:
    stored = Authenticator.objects.get(user=people.alice, type=Authenticator.Type.TOTP).data
    assert enrolled not in str(stored)
    assert unseal(stored["secret"].encode()) == enrolled


def test_with_a_second_factor_the_password_alone_does_not_get_in(enrolled: str) -> None:
    client = WalledClient()
    assert sign_in(client)["Location"] == "/2fa/authenticate/"
    assert client.get("/profile/").status_code == 302


def test_password_and_code_together_get_in(enrolled: str, people: People) -> None:
    client = WalledClient()
    sign_in(client)
    assert client.get("/2fa/authenticate/").status_code == 200
    answer = client.post("/2fa/authenticate/", {"code": code_for(enrolled)})
    assert answer.status_code == 302, answer.context["form"].errors
    assert client.get("/profile/").status_code == 200


def test_a_wrong_code_is_refused(enrolled: str) -> None:
    client = WalledClient()
    sign_in(client)
    wrong = "000000" if code_for(enrolled) != "000000" else "111111"
    client.post("/2fa/authenticate/", {"code": wrong})
    assert client.get("/profile/").status_code == 302
