"""The provider's door: the same effort for everybody, nothing told, and no knocking without end."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import override_settings

from accounts.models import User
from accounts.standins.openid.provider import Person
from accounts.standins.openid.server import OpenIdStandIn
from tests.conftest import People, WalledClient
from tests.factories.sign_in import agree, browser, come_in, leave
from tests.integration.accounts.hashing import HASHERS, KINDS, address_of, hashes_of
from tests.integration.accounts.sign_in.test_providers import is_in


def test_the_providers_door_costs_the_same_hashes_for_every_kind_of_account(
    people: People, openid: OpenIdStandIn
) -> None:
    """AUT-1 (ASVS 6.3.8): no password is looked at, whoever the address belongs to."""
    costs = {}
    with override_settings(PASSWORD_HASHERS=HASHERS):
        for kind in KINDS:
            email = address_of(kind, User.objects.get(pk=people.alice.pk))
            openid.add(Person(f"of-{kind}", email, "Somebody", email_verified=False))
            work = hashes_of(lambda kind=kind: come_in(WalledClient(), f"of-{kind}"))  # type: ignore[misc]
            costs[kind] = work
            User.objects.filter(pk=people.alice.pk).update(status="active")
            cache.clear()
    assert set(costs.values()) == {0}, costs


def told(openid: OpenIdStandIn, subject: str, email: str) -> tuple[Any, ...]:
    openid.add(Person(subject, email, "Somebody", email_verified=False))
    client = WalledClient()
    answer = come_in(client, subject)
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    page = client.get(answer["Location"]).content.decode().replace(email, "")
    return answer.status_code, headers, set(answer.cookies), len(page), is_in(client)


def test_an_address_that_no_one_has_confirmed_tells_nobody_who_has_an_account(
    people: People, openid: OpenIdStandIn
) -> None:
    """AUT-2: one who names a foreign address at a provider sees the same for known and unknown.

    Where the provider vouches for the address its owner asks, who may know.
    """
    known = told(openid, "21", "alice@example.com")
    unknown = told(openid, "22", "agnes@example.com")
    assert known == unknown
    assert known[0] == 302
    assert not known[-1]


@pytest.mark.parametrize("state", ["suspended", "closed"])
def test_a_connected_account_that_is_ended_is_not_let_in(
    people: People, openid: OpenIdStandIn, state: str
) -> None:
    """AUT-1, AUT-2: the refusal names the provider's own account, never another's."""
    come_in(browser(), process="connect")
    User.objects.filter(pk=people.alice.pk).update(status=state)
    client = WalledClient()
    assert come_in(client)["Location"] == "/inactive/"
    assert not is_in(client)


def test_answers_cannot_be_guessed_without_end(people: People, openid: OpenIdStandIn) -> None:
    """AUT-3 (ASVS 6.3.1): thirty a minute from one address, then 429 with Retry-After."""
    attacker = WalledClient(REMOTE_ADDR="203.0.113.5")
    leave(attacker)
    path = "/sign-in/openid/callback/?code=guess&state={}"
    answers = [attacker.get(path.format(number)) for number in range(31)]
    assert [answer.status_code for answer in answers] == [401] * 30 + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 120
    honest = WalledClient(REMOTE_ADDR="198.51.100.1")
    assert honest.get(agree(leave(honest), "1001")).status_code == 302


def test_the_provider_is_not_asked_without_end(people: People, openid: OpenIdStandIn) -> None:
    """AUT-3: a forwarded address of a stranger does not start the count anew."""
    client = WalledClient()
    codes = [
        client.post(
            "/sign-in/openid/",
            {"process": "login"},
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
        ).status_code
        for number in range(31)
    ]
    assert codes == [302] * 30 + [429]
