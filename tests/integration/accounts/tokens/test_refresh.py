"""AUT-7: refresh tokens work once; using one again ends its session."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import AuditLog, NotificationRule, RefreshToken
from accounts.rules.sessions import RefreshTokenRefused
from accounts.services.notifications import mailing
from accounts.services.tokens.issuing import Issued, refresh_session
from accounts.services.tokens.keeping import forget_old_tokens
from accounts.services.users import create_user
from config.kit import context
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.tokens import ApiClient, race, session_of

ROUNDS, AT_ONCE = 50, 8


def refresh(token: str, **headers: str) -> Any:
    return ApiClient(**headers).ask("post", "auth/refresh", {"refresh_token": token})


@pytest.fixture
def issued(people: People) -> Issued:
    return session_of(people.alice)


def test_a_token_is_traded_for_its_successor(issued: Issued, people: People) -> None:
    answer = refresh(issued.refresh_token)
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert body["refresh_token"] != issued.refresh_token
    assert body["session"] == str(issued.session)
    assert ApiClient(body["access_token"]).ask("get", "me").status_code == 200
    older, newer = RefreshToken.objects.order_by("created_at", "id")
    assert newer.parent_id == older.pk
    assert older.used_at is not None
    assert refresh(body["refresh_token"]).status_code == 200


def test_only_hashes_are_kept(issued: Issued) -> None:
    body = refresh(issued.refresh_token).json()
    stored = str(list(RefreshToken.objects.values())) + str(list(AuditLog.objects.values()))
    assert issued.refresh_token not in stored
    assert body["refresh_token"] not in stored


def test_aut_7_reuse_ends_the_session_and_tells_the_person(
    issued: Issued, django_capture_on_commit_callbacks: Any
) -> None:
    """AUT-7: the thief's copy and the client's own both die; trail and mail say so, once."""
    successor = refresh(issued.refresh_token, User_Agent="Desk app").json()
    with django_capture_on_commit_callbacks() as callbacks:
        assert refresh(issued.refresh_token, User_Agent="thief").status_code == 401
        assert refresh(issued.refresh_token, User_Agent="thief").status_code == 401
    assert len(callbacks) == 1
    assert refresh(successor["refresh_token"], User_Agent="Desk app").status_code == 401
    assert ApiClient(successor["access_token"]).ask("get", "me").status_code == 401
    assert ApiClient(issued.access_token).ask("get", "me").status_code == 401
    assert AuditLog.objects.filter(action="user.refresh_token_reused").count() == 1


def test_aut_7_the_mail_is_owed_by_a_row_and_a_lost_nudge_loses_nothing(
    issued: Issued, people: People
) -> None:
    """AUT-7: the row is written with the revocation; the sweeper sends what no nudge did."""
    with context.acting(organization_id=people.organization.pk):
        NotificationRule.objects.create(
            organization=people.organization, kind="session_stolen", in_app=False, email=False
        )
    refresh(issued.refresh_token, User_Agent="Desk app")
    for _ in range(2):
        assert refresh(issued.refresh_token, User_Agent="thief").status_code == 401
    with context.use(context.Context()):
        [owed] = mailing.due_mails(now())
        assert mailing.send_due(owed, at=now())
        assert not mailing.send_due(owed, at=now())
    [message] = mail.outbox
    assert message.to == ["alice@example.com"]
    assert "Desk app was signed out of your account" in message.subject
    assert "/security/tokens/" in message.body


def test_who_is_in_no_organization_is_told_as_well(postman: None, db: None) -> None:
    nobodys = create_user("new@example.com", "correct horse battery")
    events.api_session_stolen.send(RefreshToken, user=nobodys, client_name="Desk app")
    (message,) = mail.outbox
    assert message.to == ["new@example.com"]
    assert message.subject == "Desk app was signed out of your account"
    assert "/security/tokens/" in message.body


def test_the_same_client_may_ask_again_within_ten_seconds(issued: Issued) -> None:
    at = now()
    first = refresh_session(issued.refresh_token, at=at)
    again = refresh_session(issued.refresh_token, at=at + timedelta(seconds=10))
    assert again.refresh_token == first.refresh_token
    assert RefreshToken.objects.count() == 2
    with pytest.raises(RefreshTokenRefused):
        refresh_session(issued.refresh_token, at=at + timedelta(seconds=11))
    with pytest.raises(RefreshTokenRefused):
        refresh_session(first.refresh_token, at=at + timedelta(seconds=12))


@pytest.mark.parametrize("change", [{"ip": "203.0.113.9"}, {"user_agent": "another"}])
def test_nobody_else_may_ask_again(issued: Issued, change: dict[str, str]) -> None:
    at = now()
    with context.use(context.Context(ip="192.0.2.1", user_agent="Desk app")):
        refresh_session(issued.refresh_token, at=at)
        with context.acting(**change), pytest.raises(RefreshTokenRefused):
            refresh_session(issued.refresh_token, at=at)
    assert not RefreshToken.objects.filter(revoked_at=None).exists()


def test_after_the_successor_was_used_there_is_no_second_answer(issued: Issued) -> None:
    at = now()
    first = refresh_session(issued.refresh_token, at=at)
    second = refresh_session(first.refresh_token, at=at)
    with pytest.raises(RefreshTokenRefused):
        refresh_session(issued.refresh_token, at=at)
    with pytest.raises(RefreshTokenRefused):
        refresh_session(second.refresh_token, at=at)


def test_aut_7_a_session_is_over_after_90_days(issued: Issued) -> None:
    """AUT-7: refreshed every day, it still ends; unused, it ends after 30 days."""
    began = at = now()
    token = issued.refresh_token
    for _ in range(4):
        at += timedelta(days=22)
        token = refresh_session(token, at=at).refresh_token
    last = RefreshToken.objects.get(used_at=None)
    assert last.expires_at - began <= timedelta(days=90)
    with pytest.raises(RefreshTokenRefused):
        refresh_session(token, at=began + timedelta(days=90, seconds=1))


def test_an_unused_token_runs_out_after_30_days(issued: Issued) -> None:
    with pytest.raises(RefreshTokenRefused):
        refresh_session(issued.refresh_token, at=now() + timedelta(days=30, seconds=1))


@pytest.mark.parametrize("text", ["unknown", "swrt_" + "x" * 43, "", "\x00", "swrt_"])
def test_unknown_tokens_are_refused(people: People, text: str) -> None:
    assert refresh(text).status_code in (401, 422)


def test_the_database_allows_one_living_token_a_session(issued: Issued) -> None:
    head = RefreshToken.objects.get()
    twin = RefreshToken(
        user=head.user, family=head.family, token_hash="0" * 64, client_name="twin",
        began_at=head.began_at, expires_at=head.expires_at,
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="one_head"), transaction.atomic():
        twin.save()
    for change in ({"expires_at": head.created_at}, {"expires_at": head.began_at + timedelta(91)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            RefreshToken.objects.filter(pk=head.pk).update(**change)


def test_each_person_stands_behind_a_wall_of_their_own(issued: Issued, people: People) -> None:
    with behind_the_wall():
        with context.acting(user_id=people.bob.pk, organization_id=people.organization.pk):
            assert RefreshToken.objects.count() == 0
            assert RefreshToken.objects.update(revoked_at=now()) == 0
        with context.acting(user_id=people.alice.pk):
            assert RefreshToken.objects.count() == 1


def test_tokens_are_forgotten_30_days_after_their_end(issued: Issued) -> None:
    refresh_session(issued.refresh_token, at=now())
    assert forget_old_tokens(at=now() + timedelta(days=59)) == 0
    assert forget_old_tokens(at=now() + timedelta(days=61)) == 2


def _refreshing(token: str, **facts: str) -> Any:
    def work() -> str:
        with behind_the_wall(), context.use(context.Context(**facts)):
            try:
                return refresh_session(token, at=now()).refresh_token
            except RefreshTokenRefused:
                return ""

    return work


@pytest.mark.usefixtures("live_database")
def test_aut_7_of_eight_at_once_one_wins_fifty_times() -> None:
    """AUT-7: eight different clients: one success, then the session ends as stolen."""
    alice = make_people().alice
    for _ in range(ROUNDS):
        token = session_of(alice).refresh_token
        won = race([_refreshing(token, user_agent=f"client {n}") for n in range(AT_ONCE)])
        assert sum(bool(answer) for answer in won) == 1
        assert not RefreshToken.objects.filter(revoked_at=None).exists()


@pytest.mark.usefixtures("live_database")
def test_aut_7_twenty_at_once_are_one_success() -> None:
    """AUT-7: 20 parallel uses are one success."""
    token = session_of(make_people().alice).refresh_token
    won = race([_refreshing(token, user_agent=f"client {n}") for n in range(20)])
    assert sum(bool(answer) for answer in won) == 1


@pytest.mark.usefixtures("live_database")
def test_one_client_asking_eight_times_at_once_gets_one_successor_fifty_times() -> None:
    """AUT-7: the grace of ten seconds never makes a second successor."""
    alice = make_people().alice
    for _ in range(ROUNDS):
        token = session_of(alice).refresh_token
        answers = race([_refreshing(token, user_agent="Desk app")] * AT_ONCE)
        assert len(set(answers)) == 1
        assert answers[0]
    assert RefreshToken.objects.count() == 2 * ROUNDS
