"""Sessions: seen with their device, ended one by one, all others, and by what endangers them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import override_settings
from django.utils.timezone import now

from accounts.models import AuditLog, User
from accounts.services import sessions
from accounts.services.suspension import suspend_user
from tests.conftest import People, WalledClient
from tests.factories.sign_in import EDGE, PASSWORD, browser


def row_of(client: WalledClient) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def is_in(client: WalledClient) -> bool:
    return bool(client.get("/profile/").status_code == 200)


def test_each_browser_is_listed_with_device_address_and_times(people: People) -> None:
    here = browser()
    browser(agent=EDGE, ip="198.51.100.7")
    page = here.get("/security/sessions/").content.decode()
    for text in ("Firefox on Linux", "Edge on Windows", "198.51.100.7", "This one"):
        assert text in page
    assert here.session.session_key not in page


def test_a_person_sees_their_own_sessions_only(people: People) -> None:
    browser(agent=EDGE)
    bob = browser("bob@example.com")
    assert "Edge on Windows" not in bob.get("/security/sessions/").content.decode()


def test_one_session_is_ended_after_asking(people: People) -> None:
    """AUT-6"""
    here, there = browser(), browser(agent=EDGE)
    address = f"/security/sessions/{row_of(there).pk}/end/"
    assert "Edge on Windows" in here.get(address).content.decode()
    assert is_in(there), "asking ends nothing"
    assert here.post(address).status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert AuditLog.objects.filter(action="user.sessions_ended").count() == 1


def test_ending_the_session_in_use_signs_out(people: People) -> None:
    here = browser()
    answer = here.post(f"/security/sessions/{row_of(here).pk}/end/")
    assert answer["Location"] == "/login/"
    assert not is_in(here)


def test_all_other_sessions_are_ended_at_once(people: People) -> None:
    """AUT-6"""
    here, *others = (browser() for _ in range(3))
    stranger = browser("bob@example.com")
    assert here.get("/security/sessions/end/").status_code == 200
    assert here.post("/security/sessions/end/").status_code == 302
    assert is_in(here)
    assert is_in(stranger)
    assert not any(map(is_in, others))


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_strangers_session_looks_like_none(people: People, method: str) -> None:
    alice, charlie = browser(), browser("charlie@example.com")
    address = f"/security/sessions/{row_of(alice).pk}/end/"
    assert getattr(charlie, method)(address).status_code == 404
    assert getattr(charlie, method)("/security/sessions/999999999999999999/end/").status_code == 404
    assert is_in(alice)


def test_sessions_over_the_api(people: People, django_assert_num_queries: Any) -> None:
    here, there = browser(), browser(agent=EDGE)
    # Savepoint and role of the test, tenant, person, memberships, sessions.
    with django_assert_num_queries(7):
        found = here.get("/api/v1/me/sessions").json()["results"]
    assert [entry["is_current"] for entry in found].count(True) == 1
    assert {entry["browser"] for entry in found} == {"Firefox on Linux", "Edge on Windows"}
    assert set(found[0]) == {
        "id", "browser", "user_agent", "ip", "place", "created_at", "last_seen_at", "is_current",
    }  # fmt: skip
    number = row_of(there).pk
    assert here.delete(f"/api/v1/me/sessions/{number}").status_code == 204
    assert here.delete(f"/api/v1/me/sessions/{number}").status_code == 404
    assert not is_in(there)
    browser()
    assert here.delete("/api/v1/me/sessions").json() == {"ended": 1}
    assert is_in(here)


def test_who_asks_the_api_for_sessions(people: People) -> None:
    alice, charlie = browser(), browser("charlie@example.com")
    number = row_of(alice).pk
    assert WalledClient().get("/api/v1/me/sessions").status_code == 401
    assert WalledClient().delete("/api/v1/me/sessions").status_code == 401
    assert charlie.delete(f"/api/v1/me/sessions/{number}").status_code == 404
    assert len(charlie.get("/api/v1/me/sessions").json()["results"]) == 1
    assert is_in(alice)


def test_a_session_of_the_back_office_counts_too(people: People) -> None:
    User.objects.filter(pk=people.alice.pk).update(role="support")
    with override_settings(ROOT_URLCONF="config.urls_backoffice", BACKOFFICE=True):
        staff = WalledClient()
        staff.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    here = browser()
    assert "Back office" in here.get("/security/sessions/").content.decode()
    here.post("/security/sessions/end/")
    assert not Session.objects.filter(session_key=staff.session.session_key).exists()


def test_a_visit_is_written_down_every_five_minutes_and_costs_nothing_between(
    people: People, django_assert_max_num_queries: Any
) -> None:
    client = browser()
    row = row_of(client)
    UserSession.objects.update(last_seen_at=now() - timedelta(hours=1))
    is_in(client)
    assert row_of(client).last_seen_at < now() - timedelta(minutes=50)
    session = client.session
    session[sessions.MARK] -= 301
    session.save()
    client.get("/profile/", REMOTE_ADDR="203.0.113.9", headers={"User-Agent": EDGE})
    row = row_of(client)
    assert (row.ip, row.user_agent) == ("203.0.113.9", EDGE)
    assert row.last_seen_at > now() - timedelta(minutes=1)


def test_a_session_that_outlived_its_end_in_a_cache_is_turned_away(people: People) -> None:
    client = browser()
    session = client.session
    session[sessions.MARK] -= 301
    session.save()
    kept = dict(session.items())
    sessions.end_sessions(people.alice)
    stale = caches["sessions"]
    stale.set(f"django.contrib.sessions.cached_db{session.session_key}", kept)
    assert client.get("/profile/")["Location"] == "/login/?next=/profile/"
    assert not UserSession.objects.filter(user=people.alice).exists()


def test_a_suspended_person_is_out_at_the_next_request(people: People) -> None:
    """AUT-6"""
    client = browser()
    suspend_user(people.alice, reason="Chargeback")
    assert not is_in(client)
    assert client.get("/api/v1/me").status_code == 401
    assert not UserSession.objects.filter(user=people.alice).exists()


def test_ending_sessions_opens_only_the_persons_own(
    people: People, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        browser("bob@example.com")
    browser()
    with django_assert_num_queries(9):
        assert sessions.end_sessions(people.alice) == 1
    assert UserSession.objects.filter(user=people.bob).count() == 3


def test_rows_of_sessions_that_ran_out_are_forgotten(people: People) -> None:
    browser()
    alive = browser("bob@example.com")
    Session.objects.exclude(session_key=alive.session.session_key).update(
        expire_date=now() - timedelta(seconds=1)
    )
    assert list(sessions.sessions_of(people.alice)) == []
    assert sessions.forget_expired_sessions() == 1
    assert UserSession.objects.get() == row_of(alive)
