"""An address that somebody added and never confirmed is not theirs: at sign-up, reset and login."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.core.cache import cache
from django.test import override_settings
from django.utils.timezone import now

from accounts.models import User
from accounts.standins.openid.provider import Person
from accounts.standins.openid.server import OpenIdStandIn
from tests.conftest import People, WalledClient
from tests.factories.sign_in import PASSWORD, browser, come_in, sign_in
from tests.factories.tokens import ApiClient
from tests.integration.accounts.hashing import HASHERS, hashes_of

pytestmark = pytest.mark.usefixtures("postman")
VICTIM = "victim@example.com"
NEW_PASSWORD = "another long phrase"


def claim(email: str = VICTIM) -> Any:
    """Charlie adds somebody else's address to his account."""
    return browser("charlie@example.com").post("/email/", {"email": email, "action_add": ""})


@pytest.fixture
def claimed(people: People) -> None:
    assert claim().status_code == 302
    assert EmailAddress.objects.filter(email=VICTIM, user=people.charlie, verified=False).exists()
    mail.outbox.clear()
    cache.clear()  # as if the three minutes between two mails to an address were over


def sign_up(email: str = VICTIM) -> Any:
    return WalledClient().post("/signup/", {"email": email, "password1": PASSWORD})


def owners(email: str = VICTIM) -> list[str]:
    rows = EmailAddress.objects.filter(email=email).select_related("user")
    return sorted(row.user.email for row in rows)


@pytest.mark.usefixtures("claimed")
def test_the_owner_of_a_claimed_address_signs_up() -> None:
    """AUT-15"""
    assert sign_up()["Location"] == "/confirm-email/"
    assert owners() == [VICTIM]
    assert User.objects.filter(email=VICTIM).exists()
    [message] = mail.outbox
    assert (message.to, "/confirm-email/" in message.body) == ([VICTIM], True)


@pytest.mark.usefixtures("claimed")
@pytest.mark.parametrize("verified", [True, False])
def test_the_owner_of_a_claimed_address_comes_in_through_a_provider(
    openid: OpenIdStandIn, verified: bool
) -> None:
    openid.add(Person("31", VICTIM, "Victim", email_verified=verified))
    come_in(WalledClient(), "31")
    assert owners() == [VICTIM]


def test_signing_up_takes_no_address_that_is_somebodys_own(people: People) -> None:
    sign_up("dora@example.net")
    people.alice.emailaddress_set.create(email="alice@work.example", verified=True)
    people.bob.emailaddress_set.update(verified=False, primary=False)
    for email in ("dora@example.net", "alice@work.example", "bob@example.com"):
        sign_up(email)
    assert owners("dora@example.net") == ["dora@example.net"]
    assert owners("alice@work.example") == ["alice@example.com"]
    assert owners("bob@example.com") == ["bob@example.com"]


def reset_mails(email: str = VICTIM) -> list[str]:
    mail.outbox.clear()
    WalledClient().post("/password/reset/", {"email": email})
    return [message.body for message in mail.outbox if message.to == [email]]


def reset(email: str = VICTIM) -> None:
    """Set a new password by the link that came by mail."""
    [told] = reset_mails(email)
    link = next(word for word in told.split() if "/password/reset/key/" in word)
    client = WalledClient()
    page = client.get("/" + link.split("/", 3)[3], follow=True)
    new = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(page.redirect_chain[-1][0], new)


@pytest.mark.usefixtures("claimed")
def test_no_link_opens_the_account_of_who_claims_an_address() -> None:
    """AUT-15"""
    [told] = reset_mails()
    assert "/password/reset/key/" not in told
    assert "/password/reset/key/" in reset_mails("charlie@example.com")[0]


def test_the_link_of_a_reset_opens_the_account_of_who_signed_up(people: People) -> None:
    """AUT-15"""
    sign_up()
    claim()
    assert owners() == ["charlie@example.com", VICTIM]
    reset()
    assert User.objects.get(email=VICTIM).check_password(NEW_PASSWORD)
    assert User.objects.get(pk=people.charlie.pk).check_password(PASSWORD)


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_reset_shuts_out_who_named_the_address_at_a_provider(
    db: None, openid: OpenIdStandIn, confirmed: bool
) -> None:
    openid.add(Person("41", VICTIM, "Mallory", email_verified=False))
    come_in(WalledClient(), "41")
    EmailAddress.objects.update(verified=confirmed)
    reset()
    assert SocialAccount.objects.exists() == confirmed, "who confirmed it keeps it"
    EmailAddress.objects.update(verified=True)
    there = WalledClient()
    come_in(there, "41")
    assert (there.get("/profile/").status_code == 200) == confirmed


@pytest.mark.usefixtures("claimed")
def test_a_claimed_address_opens_no_door() -> None:
    client = WalledClient()
    assert sign_in(client, VICTIM)["Location"] == "/confirm-email/"
    assert client.get("/profile/").status_code == 302
    assert ApiClient().login(VICTIM).json()["code"] == "login_refused"


@pytest.mark.usefixtures("claimed")
def test_a_claimed_address_costs_the_same_hashes_at_login_as_an_unknown_one() -> None:
    """AUT-1"""
    with override_settings(PASSWORD_HASHERS=HASHERS):
        for user in User.objects.all():
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
        costs = {
            hashes_of(lambda email=email: sign_in(WalledClient(), email, "wrong password"))  # type: ignore[misc]
            for email in (VICTIM, "agnes@example.com")
        }
    assert costs == {1}


@pytest.mark.usefixtures("claimed")
def test_who_claims_an_address_does_not_hear_that_it_is_guessed_at() -> None:
    with time_machine.travel(now(), tick=False):
        for number in range(52):
            sign_in(WalledClient(), VICTIM, "wrong", REMOTE_ADDR=f"203.0.113.{number + 1}")
    assert mail.outbox == []


def test_nobody_adds_addresses_without_end(people: People) -> None:
    for number in range(6):
        claim(f"number{number}@example.net")
    assert people.charlie.emailaddress_set.count() == 5
