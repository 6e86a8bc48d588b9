"""Two at once: pictures, profiles and endings that meet."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import connections, transaction
from PIL import Image

from accounts.models import Avatar, User
from accounts.services.avatars import remove_avatar, set_avatar
from accounts.services.platform_roles import change_platform_role
from accounts.services.sessions import end_sessions
from accounts.services.suspension import suspend_user
from accounts.services.users import update_profile
from tests.conftest import People, make_people
from tests.factories.sign_in import PASSWORD, browser
from tests.waiting import until_blocked

ROUNDS = 5
NEW_PASSWORD = "another long passphrase"


@pytest.fixture
def people(live_database: None) -> People:
    return make_people()


def at_once(*works: Any) -> list[Any]:
    def run(work: Any) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(20) for future in [pool.submit(run, work) for work in works]]


def picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((80, 80), 80).convert("RGB").save(file, "PNG")
    return file.getvalue()


def test_of_two_pictures_at_once_one_is_shown_and_one_is_kept(people: People) -> None:
    upload = picture()
    for _ in range(ROUNDS):
        at_once(*[lambda: set_avatar(people.alice, upload=upload)] * 4)
        assert Avatar.objects.get(user=people.alice).name == _alice(people).avatar


def test_removing_and_setting_a_picture_at_once_leaves_both_or_none(people: People) -> None:
    upload = picture()
    for _ in range(ROUNDS):
        at_once(
            lambda: set_avatar(people.alice, upload=upload), lambda: remove_avatar(people.alice)
        )
        names = list(Avatar.objects.filter(user=people.alice).values_list("name", flat=True))
        assert names == [name for name in [_alice(people).avatar] if name]


def test_two_changes_of_a_profile_at_once_lose_neither(people: People) -> None:
    for number in range(ROUNDS):
        at_once(
            lambda number=number: update_profile(people.alice, first_name=f"A{number}"),
            lambda number=number: update_profile(people.alice, last_name=f"B{number}"),
        )
        assert _alice(people).full_name == f"A{number} B{number}"


def test_sessions_ended_twice_at_once_are_counted_once(people: People) -> None:
    """AUT-6"""
    for _ in range(3):
        browser()
    ended = at_once(*[lambda: end_sessions(people.alice)] * 4)
    assert sorted(ended) == [0, 0, 0, 3]
    assert not UserSession.objects.exists()


@pytest.mark.parametrize("change", [suspend_user, partial(change_platform_role, role="customer")])
def test_a_new_password_undoes_nothing_that_staff_did_meanwhile(
    people: People, change: Callable[..., User]
) -> None:
    User.objects.filter(pk=people.alice.pk).update(role="support")
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client = browser()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            changed = change(people.alice, reason="Race")
            answer = until_blocked(pool, lambda: client.post("/password/change/", form))
            assert not answer.done()
        assert answer.result(30).status_code == 409
    alice = _alice(people)
    assert (alice.role, alice.status) == (changed.role, changed.status)
    assert alice.check_password(PASSWORD)


def test_of_two_new_passwords_at_once_the_first_stays(people: People) -> None:
    """A thief who holds the old password does not overtake who has just changed it."""

    def change(number: int) -> int:
        new = f"{NEW_PASSWORD} {number}"
        form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
        return int(browsers[number].post("/password/change/", form).status_code)

    browsers = [browser(), browser()]
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=people.alice.pk)
            waiting = [until_blocked(pool, partial(change, number)) for number in (0, 1)]
        assert sorted(future.result(30) for future in waiting) == [302, 409]


@pytest.mark.parametrize("ended_by", ["the list", "signing out"])
def test_a_visit_while_a_session_ends_does_not_bring_it_back(people: People, ended_by: str) -> None:
    """AUT-6"""
    here = browser()
    with transaction.atomic():
        if ended_by == "the list":
            end_sessions(people.alice)
        else:
            here.session.flush()
        [meanwhile] = at_once(lambda: here.get("/profile/").status_code)
    assert meanwhile == 200, "until the end is committed"
    assert here.get("/profile/")["Location"] == "/login/?next=/profile/"


def _alice(people: People) -> User:
    return User.objects.get(pk=people.alice.pk)
