"""API doors that open to a secret instead of a password: what they cost, tell, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings
from django.utils.timezone import now

from accounts.models import User
from accounts.rules.handover import challenge_of
from accounts.services.tokens import device
from accounts.services.tokens.bridge import issue_code
from config.kit import context
from tests.conftest import People
from tests.factories.tokens import ApiClient, enroll, session_of
from tests.integration.accounts.hashing import HASHERS, hashes_of

VERIFIER, BACK, APP = "v" * 64, "http://127.0.0.1:49152/callback", "switchyard-desktop"
CLI = "switchyard-cli"
DOORS = ("auth/refresh", "auth/second-factor", "auth/bridge/redeem", "auth/device/token")


def secret_of(door: str, user: User) -> str:
    """Make what would open the door for `user`."""
    if door == "auth/refresh":
        return session_of(user).refresh_token
    if door == "auth/second-factor":
        enroll(user)
        return str(ApiClient().login(user.email).json()["data"]["challenge"])
    if door == "auth/bridge/redeem":
        return issue_code(
            user, client_id=APP, redirect_uri=BACK, challenge=challenge_of(VERIFIER),
            session_data={}, at=now(),
        )  # fmt: skip
    with context.use(context.Context()):
        asked = device.ask(client_id=CLI, name="build-7", at=now())
        waiting = device.find_waiting(asked.user_code, at=now())
        assert waiting is not None
        device.decide(waiting, user=user, allow=True, at=now())
    return asked.device_code


def knock(door: str, secret: str, **headers: str) -> Any:
    bodies = {
        "auth/refresh": {"refresh_token": secret},
        "auth/second-factor": {"challenge": secret, "code": "000000"},
        "auth/bridge/redeem": {
            "code": secret, "verifier": VERIFIER, "client_id": APP, "redirect_uri": BACK,
        },
        "auth/device/token": {"device_code": secret, "client_id": CLI},
    }  # fmt: skip
    return ApiClient(**headers).ask("post", door, bodies[door])


def told(answer: Any) -> tuple[Any, ...]:
    each_their_own = ("X-Request-Id", "RateLimit-Remaining", "RateLimit-Reset")
    headers = {name: text for name, text in answer.headers.items() if name not in each_their_own}
    return answer.status_code, answer.json() | {"request_id": ""}, headers


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("state", ["suspended", "closed"])
def test_a_secret_of_an_ended_account_looks_like_nobodys(
    people: People, door: str, state: str
) -> None:
    """AUT-1, AUT-2: the same answer, byte for byte, and no password hash for either."""
    secret = secret_of(door, people.alice)
    User.objects.filter(pk=people.alice.pk).update(status=state)
    answers = {}
    with override_settings(PASSWORD_HASHERS=HASHERS):

        def knock_with(text: str) -> None:
            answers[text] = told(knock(door, text))

        assert hashes_of(lambda: knock_with(secret)) == 0
        assert hashes_of(lambda: knock_with("nobodys-" + secret[8:])) == 0
    first, second = answers.values()
    assert first == second
    assert first[0] in (400, 401)


@pytest.mark.parametrize("door", DOORS)
def test_secrets_cannot_be_guessed_without_end(people: People, settings: Any, door: str) -> None:
    """AUT-3 (ASVS 6.3.1, 4.1.3): counted by the address itself, not by what it claims."""
    settings.API_REQUESTS_PER_ADDRESS = 4
    answers = [
        knock(door, f"guess-{number}", X_Forwarded_For=f"198.51.100.{number}")
        for number in range(5)
    ]
    assert [answer.status_code for answer in answers][-1] == 429
    assert {answer.status_code for answer in answers[:-1]} <= {400, 401}
    assert int(answers[-1]["Retry-After"]) > 0
