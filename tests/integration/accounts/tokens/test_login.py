"""Logging in by the API: the second factor, equal refusals, equal effort, the same counters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from accounts.models import AuditLog, RefreshToken, User
from accounts.services.suspension import suspend_user
from config.kit import context
from tests.conftest import People, WalledClient
from tests.factories.tokens import ApiClient, code_for, enroll, recovery_code
from tests.integration.accounts.hashing import CountingHasher


@pytest.fixture
def program(people: People) -> ApiClient:
    return ApiClient()


@pytest.fixture
def counting(people: People) -> Iterator[type[CountingHasher]]:
    with override_settings(PASSWORD_HASHERS=["tests.integration.accounts.hashing.CountingHasher"]):
        for user in User.objects.all():
            user.set_password("correct horse battery")
            user.save(update_fields=["password"])
        yield CountingHasher


def refused_people(people: People) -> dict[str, tuple[str, str]]:
    """E-mail and password of everybody whom the door must refuse alike."""
    suspend_user(people.bob, reason="test")
    people.charlie.emailaddress_set.update(verified=False)
    dora = User.objects.create_user("dora@example.com", None, username="dora")
    dora.emailaddress_set.create(email=dora.email, verified=True, primary=True)
    right = "correct horse battery"
    return {
        "unknown": ("nobody@example.com", right),
        "wrong": ("alice@example.com", "wrong password"),
        "suspended": ("bob@example.com", right),
        "unconfirmed": ("charlie@example.com", right),
        "password-less": ("dora@example.com", right),
    }


def test_the_password_opens_a_session(program: ApiClient, people: People) -> None:
    answer = program.login()
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 600
    me = ApiClient(body["access_token"]).ask("get", "me")
    assert me.json()["email"] == "alice@example.com"
    with context.acting(user_id=people.alice.pk):
        stored = RefreshToken.objects.get()
    assert body["refresh_token"] not in str(vars(stored))
    assert str(stored.family) == body["session"]


def test_aut_2_every_refusal_is_the_same(program: ApiClient, people: People) -> None:
    """AUT-2: unknown, wrong, suspended, unconfirmed and password-less answer byte for byte alike."""
    answers = []
    for email, password in refused_people(people).values():
        answer = program.login(email, password)
        each_their_own = ("X-Request-Id", "RateLimit-Remaining", "RateLimit-Reset")
        headers = {k: v for k, v in answer.headers.items() if k not in each_their_own}
        answers.append((answer.status_code, answer.json() | {"request_id": ""}, headers))
    assert answers[0][0] == 401
    assert answers[0][1]["code"] == "login_refused"
    for answer in answers:
        assert answer == answers[0]


def test_aut_1_every_refusal_costs_one_hash(
    counting: type[CountingHasher], program: ApiClient, people: People
) -> None:
    """AUT-1: known, unknown, suspended, unconfirmed and password-less accounts: one hash each."""
    costs = {}
    for name, (email, password) in refused_people(people).items():
        before = counting.computed
        assert program.login(email, password).status_code == 401
        costs[name] = counting.computed - before
    assert set(costs.values()) == {1}, costs


def test_aut_3_five_tries_then_429_at_both_doors(program: ApiClient, people: People) -> None:
    """AUT-3: the API's door and the website's count together."""
    for _ in range(3):
        assert program.login(password="wrong password").status_code == 401
    web = WalledClient()
    for _ in range(2):
        web.post("/login/", {"login": "alice@example.com", "password": "wrong password"})
    refused = program.login()
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert int(refused["Retry-After"]) > 0
    assert program.login("bob@example.com").status_code == 200


@pytest.mark.parametrize("name", ["unknown", "suspended", "unconfirmed"])
def test_aut_3_a_right_password_that_opens_nothing_counts_too(
    program: ApiClient, people: People, name: str
) -> None:
    """AUT-3: who may go on trying would know that the password is right."""
    email, password = refused_people(people)[name]
    statuses = [program.login(email, password).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def challenged(program: ApiClient) -> dict[str, Any]:
    answer = program.login()
    assert answer.status_code == 401
    body = answer.json()
    assert body["code"] == "second_factor_required"
    return dict(body["data"])


def answer(program: ApiClient, challenge: str, code: str) -> Any:
    return program.ask("post", "auth/second-factor", {"challenge": challenge, "code": code})


def test_aut_4_with_a_second_factor_the_password_gives_no_token(
    program: ApiClient, people: People
) -> None:
    """AUT-4: no endpoint gives a token for a password alone."""
    enroll(people.alice)
    data = challenged(program)
    assert data["methods"] == ["recovery_codes", "totp"]
    assert set(data) == {"challenge", "expires_in", "methods"}


def test_a_code_completes_the_login_once(program: ApiClient, people: People) -> None:
    """AUT-5: a TOTP code and a challenge are each good for one success."""
    secret = enroll(people.alice)
    challenge, code = challenged(program)["challenge"], code_for(secret)
    done = answer(program, challenge, code)
    assert done.status_code == 200, done.json()
    again = answer(program, challenge, code)
    assert (again.status_code, again.json()["code"]) == (401, "challenge_unknown")
    other = challenged(program)["challenge"]
    replay = answer(program, other, code)
    assert (replay.status_code, replay.json()["code"]) == (401, "second_factor_refused")


def test_a_code_used_on_the_website_is_used_up_for_the_api(
    program: ApiClient, people: People
) -> None:
    secret = enroll(people.alice)
    web = WalledClient()
    web.post("/login/", {"login": "alice@example.com", "password": "correct horse battery"})
    code = code_for(secret)
    assert web.post("/2fa/authenticate/", {"code": code}).status_code == 302
    refused = answer(program, challenged(program)["challenge"], code)
    assert refused.json()["code"] == "second_factor_refused"


def test_a_recovery_code_works_once(program: ApiClient, people: People) -> None:
    enroll(people.alice)
    code = recovery_code(people.alice)
    assert answer(program, challenged(program)["challenge"], code).status_code == 200
    assert answer(program, challenged(program)["challenge"], code).status_code == 401


def test_guessing_codes_is_limited(program: ApiClient, people: People) -> None:
    """AUT-3: five wrong codes, then 429; each is in the trail."""
    enroll(people.alice)
    challenge = challenged(program)["challenge"]
    statuses = [answer(program, challenge, "abcdef").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert AuditLog.objects.filter(action="user.second_factor_refused").count() == 5


def test_a_challenge_dies_with_the_password(program: ApiClient, people: People) -> None:
    secret = enroll(people.alice)
    challenge = challenged(program)["challenge"]
    suspend_user(people.alice, reason="test")
    refused = answer(program, challenge, code_for(secret))
    assert refused.json()["code"] == "challenge_unknown"


def test_aut_4_staff_without_a_second_factor_get_no_token(
    program: ApiClient, people: People
) -> None:
    """AUT-4: staff sign in with a second factor, at this door too."""
    User.objects.filter(pk=people.alice.pk).update(role="support")
    refused = program.login()
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_missing")
    enroll(people.alice)
    assert program.login().json()["code"] == "second_factor_required"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "alice@example.com"},
        {"email": ["a"], "password": "x"},
        {"email": "a\x00b@example.com", "password": "x"},
        {"email": "alice@example.com", "password": "x", "role": "admin"},
        {"email": "x" * 300, "password": "x"},
    ],
)
def test_bad_bodies_are_refused_with_fields(program: ApiClient, body: dict[str, Any]) -> None:
    refused = program.ask("post", "auth/login", body)
    assert refused.status_code == 422
    assert refused.json()["errors"]


def test_a_login_is_in_the_trail_without_secrets(program: ApiClient, people: People) -> None:
    body = program.login().json()
    entry = AuditLog.objects.get(action="user.api_session_began")
    assert entry.actor_id == str(people.alice.pk)
    trail = str(list(AuditLog.objects.values()))
    assert body["refresh_token"] not in trail
    assert body["access_token"] not in trail


@pytest.mark.parametrize("depth", [101, 300, 1000])
def test_a_body_nested_too_deeply_is_refused_before_anything_reads_it(
    people: People, depth: int
) -> None:
    body = '{"email": ' + "[" * (depth - 1) + "]" * (depth - 1) + ', "password": "x"}'
    answer = WalledClient().post("/api/v1/auth/login", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
