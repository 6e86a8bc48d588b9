"""A closed sign-up: whoever was invited gets in, with the address that was, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from constance import config as stored
from django.utils.timezone import now

from accounts.models import Invitation, Membership, User
from accounts.services.live import forget, live
from accounts.services.team import invitations
from accounts.standins.openid.provider import Person
from accounts.standins.openid.server import OpenIdStandIn
from tests.conftest import People, WalledClient
from tests.factories.sign_in import PASSWORD, come_in
from tests.factories.team import invitation_of, token_of

GUEST = "guest@example.com"


@pytest.fixture(autouse=True)
def closed(db: None) -> Iterator[None]:
    stored.SIGN_UP_OPEN = False
    yield
    stored.SIGN_UP_OPEN = True
    forget()
    live("SIGN_UP_OPEN")


@pytest.fixture
def invitation(people: People) -> Invitation:
    return invitation_of(people.organization, GUEST)


@pytest.fixture
def guest(invitation: Invitation, nobody: WalledClient) -> WalledClient:
    """A browser that has followed the link of the invitation."""
    nobody.post(f"/invitations/{token_of(invitation)}/sign-up/")
    return nobody


def sign_up(client: WalledClient, email: str) -> Any:
    return client.post("/signup/", {"email": email, "password1": PASSWORD})


def joined(email: str, people: People) -> bool:
    """Whether the person has come in and belongs to the organization alone."""
    memberships = Membership.objects.filter(user__email=email)
    return [each.organization for each in memberships] == [people.organization]


@pytest.mark.parametrize("typed", [GUEST, "Guest@EXAMPLE.com"])
def test_the_invited_address_signs_up(guest: WalledClient, people: People, typed: str) -> None:
    assert sign_up(guest, typed).status_code == 302
    assert joined(GUEST, people)


def test_another_address_is_refused(guest: WalledClient) -> None:
    """AUT-13"""
    answer = sign_up(guest, "mallory@example.com")
    assert "that your invitation was sent to" in answer.content.decode()
    assert not User.objects.filter(email="mallory@example.com").exists()


def test_a_withdrawn_invitation_opens_nothing(guest: WalledClient, invitation: Invitation) -> None:
    """AUT-13"""
    invitations.revoke(invitation, at=now())
    assert "closed" in sign_up(guest, GUEST).content.decode()
    assert not User.objects.filter(email=GUEST).exists()


@pytest.mark.parametrize("email", [GUEST, "Guest@Example.com"])
def test_the_invited_address_comes_in_through_a_provider(
    guest: WalledClient, people: People, openid: OpenIdStandIn, email: str
) -> None:
    openid.add(Person("7", email, "Greta Guest"))
    assert come_in(guest, "7").status_code == 302
    assert joined(GUEST, people)


def test_another_address_does_not_come_in_through_a_provider(
    guest: WalledClient, openid: OpenIdStandIn
) -> None:
    """AUT-13"""
    assert "Sign-up is closed" in come_in(guest).content.decode()
    assert not User.objects.filter(email="ada@openid.example").exists()


def test_who_comes_from_a_provider_without_an_address_types_the_invited_one(
    guest: WalledClient, people: People, openid: OpenIdStandIn
) -> None:
    """AUT-13"""
    openid.add(Person("8", "", "Greta Guest"))
    assert come_in(guest, "8")["Location"] == "/sign-in/sign-up/"
    refused = guest.post("/sign-in/sign-up/", {"email": "mallory@example.com"})
    assert "that your invitation was sent to" in refused.content.decode()
    assert not User.objects.filter(email="mallory@example.com").exists()
    assert guest.post("/sign-in/sign-up/", {"email": GUEST}).status_code == 302
    assert joined(GUEST, people)
