"""AUT-11: handing a web login over to a desktop app."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.utils.timezone import now

from accounts.models import AuditLog, BridgeToken, RefreshToken, User
from accounts.rules.handover import challenge_of
from accounts.rules.sessions import GrantRefused
from accounts.services import tokens
from accounts.services.tokens.bridge import issue_code, redeem_code
from config.kit import context
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.tokens import ApiClient, enroll, race

VERIFIER = "v" * 64
BACK = "http://127.0.0.1:49152/callback"
QUESTION = {
    "response_type": "code",
    "client_id": "switchyard-desktop",
    "redirect_uri": BACK,
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
    "state": "a b&c",
}
ROUNDS, AT_ONCE = 50, 8


def page(**changes: str | None) -> str:
    asked = {name: value for name, value in (QUESTION | changes).items() if value is not None}
    return f"/bridge/authorize?{urlencode(asked)}"


def led_to(answer: Any) -> str:
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.content.decode())
    assert found, answer.content[:400]
    return html.unescape(found.group(1))


def allowed(people: People, user: User | None = None) -> dict[str, str]:
    """What the app's loopback address gets when the person says yes."""
    answer = people.client(user or people.alice).post(page(), {"answer": "allow"})
    assert answer.status_code == 200
    address = led_to(answer)
    assert address.startswith(f"{BACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def redeem(handed: str, **changes: str) -> Any:
    body = {
        "code": handed, "verifier": VERIFIER, "client_id": QUESTION["client_id"],
        "redirect_uri": BACK,
    }  # fmt: skip
    return ApiClient().ask("post", "auth/bridge/redeem", body | changes)


def test_a_login_is_handed_over(people: People) -> None:
    given = allowed(people)
    assert set(given) == {"code", "state"}, "AUT-11: no token in an address"
    assert given["state"] == "a b&c"
    answer = redeem(given["code"])
    assert answer.status_code == 200, answer.json()
    me = ApiClient(answer.json()["access_token"]).ask("get", "me").json()
    assert me["email"] == "alice@example.com"
    stored = BridgeToken.objects.get()
    assert given["code"] not in str(vars(stored))
    assert stored.session_data["organization_id"] == str(people.organization.pk)
    assert stored.used_at is not None
    session = RefreshToken.objects.get()
    assert (session.client_name, session.origin) == ("Switchyard Desktop", "bridge")
    assert stored.family == session.family


def test_the_page_names_the_app_and_asks(people: People) -> None:
    shown = people.client(people.alice).get(page())
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "Switchyard Desktop" in text
    assert "alice@example.com" in text
    assert not BridgeToken.objects.exists(), "looking gives nothing away"


def test_who_is_not_signed_in_signs_in_first(people: People) -> None:
    answer = people.client(None).get(page())
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=/bridge/authorize")


def test_a_no_leads_back_without_a_code(people: People) -> None:
    for said in ({"answer": "deny"}, {}):
        address = led_to(people.client(people.alice).post(page(), said))
        assert parse_qs(urlsplit(address).query) == {"error": ["access_denied"], "state": ["a b&c"]}
    assert not BridgeToken.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code_challenge_method": "plain"}, "handover_refused"),
        ({"code_challenge_method": None}, "handover_refused"),
        ({"code_challenge": None}, "handover_refused"),
        ({"code_challenge": "short"}, "handover_refused"),
        ({"client_id": "evil-app"}, "unknown_client"),
        ({"client_id": None}, "handover_refused"),
        ({"response_type": "token"}, "handover_refused"),
        ({"redirect_uri": "https://127.0.0.1:49152/"}, "handover_refused"),
        ({"redirect_uri": "http://localhost:49152/"}, "handover_refused"),
        ({"redirect_uri": "http://127.0.0.1/"}, "handover_refused"),
        ({"redirect_uri": "http://127.0.0.1:0/"}, "handover_refused"),
        ({"redirect_uri": "http://127.0.0.1:99999/"}, "handover_refused"),
        ({"redirect_uri": "http://127.0.0.2:49152/"}, "handover_refused"),
        ({"redirect_uri": "http://127.0.0.1.evil.example:80/"}, "handover_refused"),
        ({"redirect_uri": "http://127.0.0.1:80@evil.example/"}, "handover_refused"),
        ({"redirect_uri": "http://evil.example/"}, "handover_refused"),
        ({"redirect_uri": f"{BACK}#x"}, "handover_refused"),
        ({"redirect_uri": f"{BACK}?x=1"}, "handover_refused"),
        ({"redirect_uri": "javascript:alert(1)"}, "handover_refused"),
        ({"redirect_uri": "http://[::2]:80/"}, "handover_refused"),
        ({"redirect_uri": "http://[::1/"}, "handover_refused"),
    ],
)
def test_aut_11_an_unsafe_question_is_refused_on_our_own_page(
    people: People, changes: dict[str, str | None], code: str
) -> None:
    """AUT-11: S256 only, known apps only, a port of the own machine only."""
    client = people.client(people.alice)
    for method in ("get", "post"):
        answer = getattr(client, method)(page(**changes), {"answer": "allow"}
                                         if method == "post" else None)  # fmt: skip
        assert answer.status_code == 400
        assert "refresh" not in answer.content.decode()
    assert not BridgeToken.objects.exists()


@pytest.mark.parametrize(
    "uri", ["http://[::1]:8080/x", "http://127.0.0.1:1", "http://127.0.0.1:9/"]
)
def test_any_port_of_the_own_machine_will_do(people: People, uri: str) -> None:
    address = led_to(people.client(people.alice).post(page(redirect_uri=uri), {"answer": "allow"}))
    assert address.startswith(f"{uri}?code=")


@pytest.mark.parametrize(
    "changes",
    [
        {"verifier": "w" * 64},
        {"verifier": "v" * 42},
        {"verifier": challenge_of(VERIFIER)},
        {"client_id": "switchyard-cli"},
        {"redirect_uri": "http://127.0.0.1:49153/callback"},
        {"code": "unknown"},
    ],
)
def test_aut_11_everything_the_code_is_bound_to_must_fit(
    people: People, changes: dict[str, str]
) -> None:
    """AUT-11: wrong verifier, app or address; a wrong try leaves the right one possible."""
    code = allowed(people)["code"]
    refused = redeem(code, **changes)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_grant")
    assert redeem(code).status_code == 200


def issue(user: User) -> str:
    return issue_code(
        user, client_id="switchyard-desktop", redirect_uri=BACK,
        challenge=challenge_of(VERIFIER), session_data={}, at=now(),
    )  # fmt: skip


def take(code: str, at: Any = None) -> Any:
    return redeem_code(
        code, verifier=VERIFIER, client_id="switchyard-desktop", redirect_uri=BACK, at=at or now()
    )


def test_aut_11_a_code_lives_sixty_seconds(people: People) -> None:
    """AUT-11: 60 s life."""
    code = issue(people.alice)
    with pytest.raises(GrantRefused):
        take(code, at=now() + timedelta(seconds=61))
    assert take(code, at=now() + timedelta(seconds=58)).access_token


@pytest.mark.parametrize("length", [42, 129])
def test_a_verifier_of_another_length_is_refused_though_it_answers(
    people: People, length: int
) -> None:
    """RFC 7636, 4.1."""
    verifier, app = "v" * length, QUESTION["client_id"]
    code = issue_code(
        people.alice, client_id=app, redirect_uri=BACK, challenge=challenge_of(verifier),
        session_data={}, at=now(),
    )  # fmt: skip
    with pytest.raises(GrantRefused):
        redeem_code(code, verifier=verifier, client_id=app, redirect_uri=BACK, at=now())


def test_aut_11_a_replayed_code_ends_the_session_made_from_it(people: People) -> None:
    """AUT-11: ASVS 10.4.2."""
    code = allowed(people)["code"]
    body = redeem(code).json()
    program = ApiClient(body["access_token"])
    assert program.ask("get", "me").status_code == 200
    assert redeem(code).status_code == 400
    assert program.ask("get", "me").status_code == 401
    refused = ApiClient().ask("post", "auth/refresh", {"refresh_token": body["refresh_token"]})
    assert refused.status_code == 401
    assert AuditLog.objects.filter(action="user.handover_code_reused").count() == 1


def test_a_code_dies_when_everything_is_revoked(people: People) -> None:
    code = issue(people.alice)
    tokens.revoke_everything(people.alice)
    with pytest.raises(GrantRefused):
        take(code)


def test_staff_hand_nothing_over_without_a_second_factor(people: People) -> None:
    """AUT-4: the hand-over is a door too."""
    User.objects.filter(pk=people.alice.pk).update(role="support")
    people.alice.refresh_from_db()
    assert people.client(people.alice).post(page(), {"answer": "allow"}).status_code == 403
    enroll(people.alice)
    assert people.client(people.alice).post(page(), {"answer": "allow"}).status_code == 200


@pytest.mark.usefixtures("live_database")
def test_aut_11_of_eight_at_once_one_wins_fifty_times() -> None:
    """AUT-11: single use under 50 rounds of 8."""
    alice = make_people().alice

    def redeeming(code: str) -> Any:
        def work() -> bool:
            with behind_the_wall(), context.use(context.Context(ip="192.0.2.1")):
                try:
                    return bool(take(code))
                except GrantRefused:
                    return False

        return work

    for _ in range(ROUNDS):
        code = issue(alice)
        assert sum(race([redeeming(code)] * AT_ONCE)) == 1
    assert RefreshToken.objects.count() == ROUNDS
