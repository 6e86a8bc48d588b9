"""AUT-7: what ends sessions waits for what begins or carries one on, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import RefreshToken, User
from accounts.rules.handover import challenge_of
from accounts.rules.sessions import GrantRefused, LoginRefused
from accounts.services import tokens
from accounts.services.tokens import device
from accounts.services.tokens.bridge import issue_code, redeem_code
from accounts.services.tokens.ending import end_session
from accounts.services.tokens.issuing import refresh_session
from config.kit import context
from config.kit.errors import DomainError
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.tokens import race, session_of

ROUNDS, LINKS = 40, 6
VERIFIER, BACK = "v" * 64, "http://127.0.0.1:49152/"
Work = Callable[[], Any]


@pytest.fixture
def alice(live_database: None) -> User:
    return make_people().alice


def tried(work: Work) -> Work:
    """Make a call of `work` as the web process makes it; a refusal is an answer too."""

    def run() -> Any:
        with behind_the_wall(), context.use(context.Context()):
            try:
                return work()
            except DomainError as refusal:
                return refusal

    return run


def refreshing(secret: str) -> Work:
    """A client that trades its token on and on, so that an end meets it in the middle."""

    def work() -> None:
        token = secret
        for _ in range(LINKS):
            token = refresh_session(token, at=now()).refresh_token

    return tried(work)


def living(user: User) -> int:
    return RefreshToken.objects.of_user(user).heads(now()).count()


def test_aut_7_no_rotation_outlives_the_end_of_everything(alice: User) -> None:
    """AUT-7"""
    for _ in range(ROUNDS):
        alice.refresh_from_db()
        secret = session_of(alice).refresh_token
        _, ended = race([refreshing(secret), tried(lambda: tokens.revoke_everything(alice))])
        assert (ended, living(alice)) == (1, 0)


def test_aut_7_no_rotation_outlives_the_end_of_its_session(alice: User) -> None:
    """AUT-7"""
    for _ in range(ROUNDS):
        issued = session_of(alice)
        ending = tried(lambda issued=issued: end_session(alice, issued.session, at=now()))
        _, ended = race([refreshing(issued.refresh_token), ending])
        assert (ended, living(alice)) == (True, 0)


def test_no_login_outlives_the_end_of_everything(alice: User) -> None:
    for _ in range(ROUNDS):
        alice.refresh_from_db()
        race([tried(lambda: session_of(alice)), tried(lambda: tokens.revoke_everything(alice))])
        assert living(alice) == 0


def test_no_handed_over_code_outlives_the_end_of_everything(alice: User) -> None:
    facts = {"client_id": "switchyard-desktop", "redirect_uri": BACK}
    for _ in range(ROUNDS):
        alice.refresh_from_db()
        code = issue_code(
            alice, **facts, challenge=challenge_of(VERIFIER), session_data={}, at=now()
        )
        trading = tried(lambda code=code: redeem_code(code, verifier=VERIFIER, **facts, at=now()))
        race([trading, tried(lambda: tokens.revoke_everything(alice))])
        assert living(alice) == 0
        assert isinstance(trading(), GrantRefused)


def test_no_machine_that_was_let_in_outlives_the_end_of_everything(alice: User) -> None:
    for _ in range(ROUNDS):
        alice.refresh_from_db()
        asked = device.ask(client_id="switchyard-cli", name="build", at=now())
        waiting = device.find_waiting(asked.user_code, at=now())
        assert waiting is not None

        def deciding_and_asking(waiting: Any = waiting, code: str = asked.device_code) -> None:
            device.decide(waiting, user=alice, allow=True, at=now())
            device.redeem(code, client_id="switchyard-cli", at=now())

        race([tried(deciding_and_asking), tried(lambda: tokens.revoke_everything(alice))])
        assert living(alice) == 0
        assert isinstance(
            tried(
                lambda code=asked.device_code: device.redeem(
                    code, client_id="switchyard-cli", at=now()
                )
            )(),
            DomainError,
        )


def test_what_was_proved_before_the_end_of_everything_opens_nothing(people: People) -> None:
    """A password that was right, and changed before its session began."""
    stale = User.objects.get(pk=people.alice.pk)
    tokens.revoke_everything(people.alice)
    with pytest.raises(LoginRefused):
        session_of(stale)
    asked = device.ask(client_id="switchyard-cli", name="build", at=now())
    waiting = device.find_waiting(asked.user_code, at=now())
    assert waiting is not None
    assert not device.decide(waiting, user=stale, allow=True, at=now())
    assert not RefreshToken.objects.exists()
