"""Redis stopped: every question is answered from the database, quickly, and nothing breaks."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from config.kit.redis import connect
from config.kit.scripts import CacheAway, Script, line
from licensing.models import DeviceLink, License
from licensing.rules.keys import make_key
from licensing.rules.transitions import SuspendedReason
from licensing.services import licenses
from licensing.services.presence import device_states, online_devices
from licensing.services.publishing import sweep_publications
from licensing.services.sightings import flush_sightings
from tests.conftest import People, WalledClient
from tests.factories.licensing import AT, device_of, license_of
from tests.integration.licensing.conftest import LINK, Commit, Program


@pytest.fixture
def license(people: People, commit: Commit) -> License:
    return commit(license_of, people.organization, max_devices=2)


@pytest.fixture(params=["refuses", "never answers"])
def no_redis(request: pytest.FixtureRequest, license: License, settings: Any) -> Iterator[None]:
    """An address where nobody listens, and one where somebody listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "refuses":
            server.close()
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
        connect.cache_clear()
        yield
    connect.cache_clear()


@pytest.mark.usefixtures("no_redis")
def test_every_door_answers_from_the_database(program: Program, license: License) -> None:
    activated = program.activate(license.key, "edge-1")
    assert activated.status_code == 201
    device, token = activated.json()["device"]["id"], activated.json()["token"]
    assert program.validate(license.key, device_id="edge-1").json()["code"] == "VALID"
    assert program.validate(make_key()).json()["code"] == "NOT_FOUND"
    assert program.beat(device, token).json()["code"] == "VALID"
    assert program.beat(LINK, token).status_code == 401
    assert program.activate(license.key, "edge-2").status_code == 201
    assert program.activate(license.key, "edge-3").json()["code"] == "too_many_devices"
    assert program.deactivate(token).status_code == 204
    assert program.beat(device, token).status_code == 409
    assert DeviceLink.objects.active().count() == 1


@pytest.mark.usefixtures("no_redis")
def test_only_the_first_waits_for_redis(program: Program, license: License) -> None:
    program.validate(license.key)
    start = time.monotonic()
    for _ in range(20):
        assert program.validate(license.key).status_code == 200
    assert time.monotonic() - start < 1.5


@pytest.mark.usefixtures("no_redis")
def test_pages_and_jobs_go_on_and_say_what_they_do_not_know(
    license: License, commit: Commit, alice: WalledClient
) -> None:
    device = commit(device_of, license).device
    assert online_devices([device.pk]) == set()
    assert device_states([device]) == {device.pk: "unknown"}
    assert flush_sightings(at=AT) == 0
    assert sweep_publications() == 0
    page = alice.get(f"/licenses/{license.pk}/")
    assert page.status_code == 200
    assert "not known right now" in page.content.decode()


def test_what_changed_meanwhile_is_published_when_redis_is_back(
    program: Program, license: License, commit: Commit, settings: Any
) -> None:
    assert program.validate(license.key).json()["code"] == "VALID"
    here = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    connect.cache_clear()
    commit(licenses.suspend_license, license, reason=SuspendedReason.OPERATOR)
    assert program.validate(license.key).json()["code"] == "SUSPENDED"
    settings.REDIS_URL = here
    connect.cache_clear()
    deadline = time.monotonic() + 5
    while not sweep_publications():
        assert time.monotonic() < deadline, "the breaker closes within a second"
        time.sleep(0.05)
    assert program.validate(license.key).json()["code"] == "SUSPENDED"


def test_a_connection_that_redis_closed_is_renewed_unnoticed(
    program: Program, license: License, redis_client: Any, queries: Any
) -> None:
    program.validate(license.key)
    assert redis_client.client_kill_filter(_id=line.call("CLIENT", "ID")) == 1
    with queries() as counted:
        assert program.validate(license.key).json()["code"] == "VALID"
    assert counted.statements() == []


def test_a_redis_that_falls_silent_costs_half_a_second_and_the_command_is_not_sent_twice(
    settings: Any,
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                while heard := peer.recv(4096):
                    asked.append(heard)
                    if b"EVALSHA" not in heard:
                        word = b"+PONG\r\n" if b"PING" in heard else b"+OK\r\n"
                        peer.sendall(word * heard.count(b"*"))

        threading.Thread(target=serve, daemon=True).start()
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        connect.cache_clear()
        began = time.monotonic()
        with pytest.raises(CacheAway):
            Script("return 1")([])
        assert 0.4 < time.monotonic() - began < 5
    connect.cache_clear()
    assert sum(heard.count(b"EVALSHA") for heard in asked) == 1


def test_scripts_that_redis_forgot_are_sent_again(
    program: Program, license: License, redis_client: Any, queries: Any
) -> None:
    program.validate(license.key)
    redis_client.script_flush()
    with queries() as counted:
        assert program.validate(license.key).json()["code"] == "VALID"
    assert counted.statements() == []
