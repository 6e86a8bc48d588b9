"""The device flow: a machine asks, a person decides, one answer gives one session."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from accounts.models import DeviceAuthorization, RefreshToken, User
from accounts.rules.sessions import AuthorizationPending, CodeExpired, GrantRefused, SlowDown
from accounts.services import tokens
from accounts.services.tokens import device
from accounts.services.tokens.issuing import Issued
from config.kit import context
from config.kit.errors import DomainError
from tests.conftest import People, WalledClient, behind_the_wall, make_people
from tests.factories.tokens import ApiClient, race
from tests.waiting import until_blocked

ROUNDS, AT_ONCE = 50, 8
APP = "switchyard-cli"


def ask(**facts: str) -> dict[str, Any]:
    body = {"client_id": APP, "client_name": "build-7"} | facts
    answer = ApiClient().ask("post", "auth/device", body)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def poll(code: str, client_id: str = APP) -> Any:
    # The clock of the test stands still: as if the interval had passed.
    with context.use(context.Context()):
        DeviceAuthorization.objects.update(polled_at=None)
    body = {"device_code": code, "client_id": client_id}
    return ApiClient().ask("post", "auth/device/token", body)


def decide(client: WalledClient, code: str, answer: str = "allow") -> Any:
    return client.post("/device/", {"code": code, "answer": answer})


def test_a_machine_is_let_in(people: People) -> None:
    asked = ask()
    assert asked["verification_uri"].endswith("/device/")
    assert asked["verification_uri_complete"].endswith(f"?code={asked['user_code']}")
    assert (asked["expires_in"], asked["interval"]) == (600, 5)
    waiting = poll(asked["device_code"])
    assert (waiting.status_code, waiting.json()["code"]) == (400, "authorization_pending")
    alice = people.client(people.alice)
    page = alice.post("/device/", {"code": asked["user_code"].lower().replace("-", " ")})
    assert page.status_code == 200
    assert "build-7" in page.content.decode()
    assert poll(asked["device_code"]).json()["code"] == "authorization_pending"
    assert decide(alice, asked["user_code"]).status_code == 302
    body = poll(asked["device_code"]).json()
    me = ApiClient(body["access_token"]).ask("get", "me").json()
    assert me["email"] == "alice@example.com"
    session = RefreshToken.objects.get()
    assert (session.client_name, session.origin) == ("build-7", "device")
    assert poll(asked["device_code"]).json()["code"] == "invalid_grant"


def test_a_no_is_told_to_the_machine(people: People) -> None:
    asked = ask()
    decide(people.client(people.alice), asked["user_code"], "deny")
    refused = poll(asked["device_code"])
    assert (refused.status_code, refused.json()["code"]) == (400, "access_denied")
    assert not RefreshToken.objects.exists()


def test_only_hashes_of_both_codes_are_kept(people: People) -> None:
    asked = ask()
    stored = str(DeviceAuthorization.objects.values().get())
    assert asked["device_code"] not in stored
    assert asked["user_code"].replace("-", "") not in stored


def test_a_code_is_answered_once(people: People) -> None:
    asked = ask()
    assert decide(people.client(people.alice), asked["user_code"], "deny").status_code == 302
    late = decide(people.client(people.bob), asked["user_code"])
    assert late.status_code == 422
    assert poll(asked["device_code"]).json()["code"] == "access_denied"


def test_nobody_decides_without_signing_in(people: People) -> None:
    asked = ask()
    assert decide(people.client(None), asked["user_code"])["Location"].startswith("/login/")
    assert poll(asked["device_code"]).json()["code"] == "authorization_pending"


def test_guessing_user_codes_is_limited(people: People) -> None:
    alice = people.client(people.alice)
    statuses = [alice.post("/device/", {"code": "BCDF-GHJK"}).status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


@pytest.mark.parametrize("typed", ["", "AEIOU", "BCDF-GHJ1", "BCDFGHJKL", "x" * 99])
def test_what_cannot_be_a_code_is_said_at_once(people: People, typed: str) -> None:
    assert people.client(people.alice).post("/device/", {"code": typed}).status_code == 422


def test_asking_too_fast_is_slowed_down(people: People) -> None:
    at = now()
    with context.use(context.Context()):
        asked = device.ask(client_id=APP, name="", at=at)

        def redeem(seconds: int) -> Any:
            return device.redeem(
                asked.device_code, client_id=APP, at=at + timedelta(seconds=seconds)
            )

        with pytest.raises(AuthorizationPending):
            redeem(5)
        with pytest.raises(SlowDown) as slower:
            redeem(8)
        assert slower.value.data == {"interval": 10}
        with pytest.raises(SlowDown):
            redeem(14)
        with pytest.raises(AuthorizationPending):
            redeem(29)
        with pytest.raises(CodeExpired):
            redeem(601)


def test_another_app_gets_nothing(people: People) -> None:
    asked = ask()
    decide(people.client(people.alice), asked["user_code"])
    refused = poll(asked["device_code"], "switchyard-desktop")
    assert refused.json()["code"] == "invalid_grant"
    assert poll(asked["device_code"]).status_code == 200


def test_an_unknown_app_cannot_ask(people: People) -> None:
    refused = ApiClient().ask("post", "auth/device", {"client_id": "evil"})
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_client")


def test_revoking_everything_ends_what_was_allowed_but_not_fetched(people: People) -> None:
    asked = ask()
    decide(people.client(people.alice), asked["user_code"])
    tokens.revoke_everything(people.alice)
    assert poll(asked["device_code"]).json()["code"] == "access_denied"


def test_staff_let_no_machine_in_without_a_second_factor(people: People) -> None:
    User.objects.filter(pk=people.alice.pk).update(role="support")
    people.alice.refresh_from_db()
    asked = ask()
    assert decide(people.client(people.alice), asked["user_code"]).status_code == 403


@pytest.mark.usefixtures("live_database")
def test_of_eight_at_once_one_is_let_in_fifty_times() -> None:
    alice = make_people().alice

    def redeeming(code: str) -> Any:
        def work() -> bool:
            with behind_the_wall(), context.use(context.Context()):
                try:
                    return bool(device.redeem(code, client_id=APP, at=now()))
                except (GrantRefused, SlowDown):
                    return False

        return work

    for _ in range(ROUNDS):
        with context.use(context.Context()):
            asked = device.ask(client_id=APP, name="", at=now())
            waiting = device.find_waiting(asked.user_code, at=now())
            assert waiting is not None
            assert device.decide(waiting, user=alice, allow=True, at=now())
        assert sum(race([redeeming(asked.device_code)] * AT_ONCE)) == 1
    assert RefreshToken.objects.count() == ROUNDS


@pytest.mark.usefixtures("live_database")
@pytest.mark.parametrize("allow", [True, False])
def test_a_question_that_meets_the_answer_waits_and_hears_it(allow: bool) -> None:
    alice = make_people().alice

    def asking(code: str) -> Any:
        with behind_the_wall(), context.use(context.Context()):
            try:
                return device.redeem(code, client_id=APP, at=now())
            except DomainError as refusal:
                return refusal.code

    with context.use(context.Context()), ThreadPoolExecutor(1) as pool:
        asked = device.ask(client_id=APP, name="", at=now())
        waiting = device.find_waiting(asked.user_code, at=now())
        assert waiting is not None
        with transaction.atomic():
            assert device.decide(waiting, user=alice, allow=allow, at=now())
            question = until_blocked(pool, lambda: asking(asked.device_code))
            assert not question.done()
        heard = question.result(30)
    assert isinstance(heard, Issued) if allow else heard == "access_denied"
