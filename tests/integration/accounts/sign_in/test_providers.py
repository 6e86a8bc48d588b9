"""Signing in through an OpenID provider: new people, connected ones, and every lie it may tell."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import environ
import httpx
import pytest
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.core import mail

from accounts.gateways.providers import bounded
from accounts.models import AuditLog, Organization, User
from accounts.standins.openid.provider import Person
from accounts.standins.openid.server import OpenIdStandIn
from config.kit import context
from config.settings.providers import named_providers, sign_in_hosts
from tests.conftest import People, WalledClient
from tests.factories.sign_in import agree, browser, come_in, enrol, later, leave

pytestmark = pytest.mark.usefixtures("postman")
LIES = [
    "wrong_nonce", "no_nonce", "wrong_audience", "wrong_issuer", "expired", "bad_signature",
    "alg_none", "alg_hs256", "no_id_token", "other_subject", "token_error", "token_garbage",
    "userinfo_error", "userinfo_list", "configuration_list", "issuer_number",
    "userinfo_deep", "configuration_long", "token_long", "keys_long", "userinfo_long",
    "userinfo_packed",
]  # fmt: skip


def is_in(client: WalledClient) -> bool:
    return bool(client.get("/profile/").status_code == 200)


def test_a_new_person_comes_in_with_an_organization_of_their_own(
    db: None, openid: OpenIdStandIn
) -> None:
    client = WalledClient()
    assert come_in(client)["Location"] == "/welcome/"
    user = User.objects.get(email="ada@openid.example")
    assert (user.first_name, user.has_usable_password()) == ("Ada", False)
    with context.acting(user_id=user.pk):
        assert Organization.objects.of_user(user).get().is_personal
    assert is_in(client)
    again = WalledClient()
    come_in(again)
    assert is_in(again)
    assert User.objects.count() == 1


def test_no_token_of_the_provider_is_kept(db: None, openid: OpenIdStandIn) -> None:
    come_in(WalledClient())
    assert not SocialToken.objects.exists()


def test_the_way_there_carries_state_nonce_and_pkce(db: None, openid: OpenIdStandIn) -> None:
    asked = parse_qs(urlsplit(leave(WalledClient())).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["nonce"][0]) > 20
    assert asked["state"][0]
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}


def test_a_link_does_not_sign_anybody_in(db: None, openid: OpenIdStandIn) -> None:
    answer = WalledClient().get("/sign-in/openid/?next=/profile/")
    assert answer.status_code == 200
    assert "Continue" in answer.content.decode()


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_provider_lets_nobody_in(db: None, openid: OpenIdStandIn, lie: str) -> None:
    """AUT-14"""
    client = WalledClient()
    back = agree(leave(client), "1001")
    openid.provider.fault = lie
    answer = client.get(back)
    assert answer.status_code == 401
    assert "did not confirm" in answer.content.decode()
    assert not is_in(client)
    assert not User.objects.exists()


@pytest.mark.parametrize("lie", ["configuration_list", "issuer_number", "configuration_long"])
def test_a_provider_that_does_not_describe_itself_is_not_left_for(
    db: None, openid: OpenIdStandIn, lie: str
) -> None:
    openid.provider.fault = lie
    assert WalledClient().post("/sign-in/openid/").status_code == 401


def test_a_provider_that_is_away_is_told_as_such(db: None, openid: OpenIdStandIn) -> None:
    client = WalledClient()
    back = agree(leave(client), "1001")
    openid.stop()
    assert client.get(back).status_code == 401
    assert client.post("/sign-in/openid/").status_code == 401


@pytest.mark.parametrize("seconds", [0.5, -1.0])
def test_an_answer_in_drops_is_given_up(openid: OpenIdStandIn, seconds: float) -> None:
    """AUT-14: no pause is long, and together they have their time, redirects too."""
    openid.provider.fault = "configuration_drops"
    session = bounded(DefaultSocialAccountAdapter().get_requests_session(), seconds=seconds)
    with session, pytest.raises(OSError, match="takes too long"):
        session.get(f"{openid.url}/.well-known/openid-configuration")


def test_an_answer_is_good_once_and_for_the_browser_that_asked(
    db: None, openid: OpenIdStandIn
) -> None:
    client, thief = WalledClient(), WalledClient()
    back = agree(leave(client), "1001")
    assert thief.get(back).status_code == 401
    assert client.get(back).status_code == 302
    client.post("/logout/")
    assert client.get(back).status_code == 401


def test_an_answer_nobody_asked_for_is_refused(db: None, openid: OpenIdStandIn) -> None:
    """A planted code would sign the victim in as the attacker."""
    planted = parse_qs(urlsplit(agree(leave(WalledClient()), "1001")).query)["code"][0]
    victim = WalledClient()
    state = parse_qs(urlsplit(leave(victim)).query)["state"][0]
    answer = victim.get(f"/sign-in/openid/callback/?code={planted}&state={state}")
    assert answer.status_code == 401
    assert not is_in(victim)


def test_cancelling_there_leads_to_a_page_that_says_so(db: None, openid: OpenIdStandIn) -> None:
    client = WalledClient()
    page = httpx.get(leave(client)).text
    found = re.search(r'href="([^"]+)"', page)
    assert found
    parts = urlsplit(found[1].replace("&amp;", "&"))
    answer = client.get(f"{parts.path}?{parts.query}", follow=True)
    assert "Sign-in cancelled" in answer.content.decode()


@pytest.mark.parametrize("verified", [True, False])
def test_a_known_address_is_never_taken_over(
    people: People, openid: OpenIdStandIn, verified: bool
) -> None:
    """ASVS 6.8.2: the same address at a provider is no proof; its owner gets a mail instead."""
    openid.add(Person("666", "alice@example.com", "Mallory", email_verified=verified))
    client = WalledClient()
    answer = come_in(client, "666")
    assert (answer.status_code, answer["Location"]) == (302, "/confirm-email/")
    assert not is_in(client)
    assert not SocialAccount.objects.exists()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


def test_an_address_the_provider_has_not_confirmed_gets_a_link_first(
    db: None, openid: OpenIdStandIn
) -> None:
    client = WalledClient()
    assert come_in(client, "1002")["Location"] == "/confirm-email/"
    assert not is_in(client)
    assert [message.to for message in mail.outbox] == [["unconfirmed@openid.example"]]


def test_a_name_longer_than_our_column_is_cut(db: None, openid: OpenIdStandIn) -> None:
    openid.add(Person("7", "long@openid.example", "A\x00" * 300))
    assert come_in(WalledClient(), "7").status_code == 302
    assert len(User.objects.get(email="long@openid.example").first_name) <= 100


def test_a_second_factor_is_asked_for_after_the_provider_too(
    people: People, openid: OpenIdStandIn
) -> None:
    """AUT-4"""
    come_in(browser(), process="connect")
    enrol(people.alice)
    client = WalledClient()
    assert come_in(client)["Location"] == "/2fa/authenticate/"
    assert not is_in(client)


def test_a_signed_in_person_connects_and_disconnects(people: People, openid: OpenIdStandIn) -> None:
    client = browser()
    assert come_in(client, process="connect")["Location"] == "/security/connections/"
    assert "ada@openid.example" in client.get("/security/connections/").content.decode()
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]
    other = WalledClient()
    come_in(other)
    assert other.get("/api/v1/me").json()["email"] == "alice@example.com"
    connection = SocialAccount.objects.get()
    address = f"/security/connections/{connection.pk}/disconnect/"
    assert client.get(address).status_code == 200
    assert client.post(address)["Location"] == "/security/connections/"
    assert not SocialAccount.objects.exists()
    events = AuditLog.objects.filter(action__startswith="user.connection").order_by("id")
    assert [entry.action for entry in events] == [
        "user.connection_added",
        "user.connection_removed",
    ]
    assert len(mail.outbox) == 2


def test_connecting_asks_who_one_is_after_five_minutes(
    people: People, openid: OpenIdStandIn
) -> None:
    """AUT-5"""
    client = browser()
    later(client)
    answer = come_in(client, process="connect")
    assert answer["Location"].startswith("/reauthenticate/")
    assert not SocialAccount.objects.exists()


def test_the_only_way_in_is_not_disconnected(db: None, openid: OpenIdStandIn) -> None:
    client = WalledClient()
    come_in(client)
    address = f"/security/connections/{SocialAccount.objects.get().pk}/disconnect/"
    assert "Set a password" in client.get(address).content.decode()
    assert client.post(address).status_code == 422
    assert SocialAccount.objects.exists()


def test_a_connection_of_another_person_looks_like_none(
    people: People, openid: OpenIdStandIn
) -> None:
    come_in(browser(), process="connect")
    address = f"/security/connections/{SocialAccount.objects.get().pk}/disconnect/"
    assert browser("charlie@example.com").post(address).status_code == 404
    assert SocialAccount.objects.exists()


def test_one_provider_account_opens_one_account_here(people: People, openid: OpenIdStandIn) -> None:
    come_in(browser(), process="connect")
    come_in(browser("charlie@example.com"), process="connect")
    assert SocialAccount.objects.get().user == people.alice


def test_who_has_neither_password_nor_factor_signs_in_again_before_adding_one(
    db: None, openid: OpenIdStandIn
) -> None:
    """AUT-5"""
    client = WalledClient()
    come_in(client)
    assert client.get("/2fa/totp/activate/").status_code == 200
    later(client)
    assert client.get("/2fa/totp/activate/").status_code == 403
    client.post("/logout/")
    come_in(client)
    assert client.get("/2fa/totp/activate/").status_code == 200


def test_the_login_page_offers_what_is_set_up(people: People, openid: OpenIdStandIn) -> None:
    assert "Analytical Login" in WalledClient().get("/login/").content.decode()


def test_without_a_provider_its_doors_lead_nowhere(people: People) -> None:
    client = WalledClient()
    for name in ("openid", "google", "github", "microsoft"):
        for path in (f"/sign-in/{name}/", f"/sign-in/{name}/callback/?code=a&state=b"):
            assert client.get(path).status_code == 404
            assert client.post(path).status_code == 404


def test_providers_come_from_the_environment() -> None:
    env = environ.Env()
    env.ENVIRON = {
        "GOOGLE_CLIENT_ID": "g",
        "GOOGLE_CLIENT_SECRET": "s",
        "OPENID_CLIENT_ID": "o",
        "OPENID_SERVER_URL": "https://login.example:8443/realm/",
    }
    found = named_providers(env)
    assert set(found) == {"google", "openid_connect"}
    assert found["openid_connect"]["APPS"][0]["settings"]["server_url"].endswith("/realm")
    assert sign_in_hosts(found) == ["https://accounts.google.com", "https://login.example:8443"]
    env.ENVIRON = {}
    assert named_providers(env) == {}
