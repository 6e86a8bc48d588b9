"""Many devices at once: never more seats than were bought, never two rows for one device."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from licensing.models import DeviceLink, License
from licensing.services.licenses import issue_license
from tests.conftest import WalledClient, make_people
from tests.factories.licensing import AT, license_of, subscription_of
from tests.integration.licensing.conftest import Program

THREADS = 40


def directly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def a_program() -> Program:
    return Program(WalledClient(), directly)


def at_once(work: Callable[[int], Any], count: int) -> list[Any]:
    """Call `work` with 0 to count - 1, 40 at a time, each with a connection of its own."""
    ready = Barrier(min(count, THREADS))

    def run(index: int) -> Any:
        if index < ready.parties:
            ready.wait(30)
        try:
            return work(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(ready.parties) as pool:
        return list(pool.map(run, range(count)))


@pytest.fixture
def license(live_database: None) -> License:
    return license_of(make_people().organization, max_devices=5)


def test_of_two_hundred_devices_five_get_a_seat(license: License) -> None:
    key = license.key
    answers = at_once(lambda n: a_program().activate(key, f"device-{n}"), 200)
    assert Counter(answer.status_code for answer in answers) == {201: 5, 409: 195}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {refusal["code"] for refusal in refusals} == {"too_many_devices"}
    assert {str(refusal["data"]) for refusal in refusals} == {"{'limit': 5, 'active': 5}"}
    assert DeviceLink.objects.count() == 5


def test_one_device_fifty_times_takes_one_seat(license: License) -> None:
    key = license.key
    answers = at_once(lambda _: a_program().activate(key, "device-1"), 50)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 49}
    assert len({answer.json()["device"]["id"] for answer in answers}) == 1
    assert DeviceLink.objects.count() == 1


def test_a_storm_of_coming_and_going_never_passes_the_limit(license: License) -> None:
    key = license.key
    counts: list[int] = []

    def come_and_go(index: int) -> None:
        chance = random.Random(index)
        program = a_program()
        for turn in range(6):
            answer = program.activate(key, f"device-{index}-{turn % 2}")
            counts.append(license.devices.active().count())
            if answer.status_code == 201 and chance.random() < 0.7:
                assert program.deactivate(answer.json()["token"]).status_code == 204

    at_once(come_and_go, 24)
    assert max(counts) == 5
    assert license.devices.active().count() <= 5
    license.refresh_from_db()
    assert license.published_version == license.version


def test_one_subscription_announced_many_times_has_one_license(live_database: None) -> None:
    subscription = subscription_of(make_people().organization)
    issued = at_once(lambda _: issue_license(subscription, at=AT), 12)
    assert len({license.pk for license in issued}) == 1
    assert License.objects.count() == 1
