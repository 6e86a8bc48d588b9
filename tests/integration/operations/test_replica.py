"""A real standby that streams from the test server: what is read there, and when nothing is."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.test import RequestFactory

from accounts.models import Membership, Organization, User
from accounts.services.organizations import add_member
from accounts.services.users import create_user
from config.embedded.launching import Command, launch, stop_pid, wait_until
from config.embedded.places import choose_place
from config.embedded.ports import first_free
from config.embedded.postgres import ENVIRONMENT, FAST, SETTINGS
from config.kit import context
from config.kit.redis import connect
from config.operations import replica
from config.operations.replica import ALIAS
from tests import services
from tests.conftest import People, WalledClient, make_people
from tests.factories.keys import make_key

DATABASE = f"test_{services.WORKER}"


@dataclass
class Standby:
    url: str
    process: subprocess.Popen[bytes]

    def ask(self, statement: str) -> Any:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
        return row[0] if row else None

    def catch_up(self) -> None:
        with psycopg.connect(services.admin_url(), autocommit=True) as primary:
            (lsn,) = primary.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        reached = f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'"
        assert wait_until(lambda: bool(self.ask(reached)), seconds=20)

    def pause(self) -> None:
        self.ask("SELECT pg_wal_replay_pause()::text")
        paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
        assert wait_until(lambda: bool(self.ask(paused)), seconds=10)

    def resume(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()::text")

    def stop(self) -> None:
        process = self.process
        stop_pid(process.pid, stop_signal=2, grace=10, running=lambda: process.poll() is None)


@pytest.fixture(scope="module")
def standby(django_db_setup: None) -> Iterator[Standby]:
    """Copy the running test server and let the copy follow it."""
    identity = json.loads((services.VAR / "services.json").read_text())["identity"]
    place = choose_place(services.VAR.resolve(), identity=identity)
    folder = place.root / "postgres" / f"standby-{services.WORKER}"
    shutil.rmtree(folder, ignore_errors=True)
    source = urlsplit(services.admin_url())
    account = place.account
    done = subprocess.run(
        [place.binaries.of_postgres("pg_basebackup"), "-D", folder, "-R", "-X", "stream",
         "--checkpoint=fast", "--no-sync", "-d", urlunsplit(source._replace(path="/postgres"))],
        cwd="/", env=ENVIRONMENT, user=account.uid if account else None,
        group=account.gid if account else None, extra_groups=[] if account else None,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    port = first_free(source.port + 500)
    arguments: list[Any] = [place.binaries.of_postgres("postgres"), "-D", folder]
    for name, value in (SETTINGS | FAST | {"port": str(port), "shared_buffers": "32MB"}).items():
        arguments += ["-c", f"{name}={value}"]
    log = services.VAR / "log" / f"standby-{services.WORKER}.log"
    process = launch(Command("standby", arguments, folder, ENVIRONMENT, account, log))
    host = f"{source.netloc.rpartition(':')[0]}:{port}"
    running = Standby(urlunsplit(source._replace(netloc=host, path="/postgres")), process)
    try:
        assert wait_until(lambda: _answers(running), seconds=60), log.read_text()[-2000:]
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(standby: Standby) -> bool:
    try:
        return bool(standby.ask("SELECT pg_is_in_recovery()"))
    except psycopg.OperationalError:
        return False


@pytest.fixture
def house(live_database: None, standby: Standby, settings: Any) -> Iterator[Standby]:
    """The router switched on, the replica reached as the app role, as a web process does."""
    app = urlsplit(services.role_urls(DATABASE)["DATABASE_APP_URL"])
    connections.settings[ALIAS] = {
        **connections.settings[DEFAULT_DB_ALIAS],
        "USER": app.username,
        "PASSWORD": app.password,
        "PORT": urlsplit(standby.url).port,
        "ATOMIC_REQUESTS": False,
    }
    settings.DATABASE_ROUTERS = ["config.operations.replica.ReplicaRouter"]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "config.operations.replica.ReplicaMiddleware"]
    settings.READ_OWN_WRITES_SECONDS = 60
    replica.forget()
    standby.catch_up()
    yield standby
    replica.forget()
    connections[ALIAS].close()
    del connections[ALIAS]
    del connections.settings[ALIAS]


def _rename(user: User, name: str) -> None:
    """Write past the site, so that nobody counts as having written."""
    with psycopg.connect(services.admin_url(DATABASE)) as primary:
        primary.execute("UPDATE accounts_user SET first_name = %s WHERE id = %s", [name, user.pk])


def _wrote(user: Any, organization: Organization) -> None:
    request = RequestFactory().post("/")
    request.user, request.organization = user, organization
    replica.remember(request)


@dataclass
class Visitors:
    people: People
    dora: User
    alice: WalledClient
    bob: WalledClient
    charlie: WalledClient


def _visitors(house: Standby) -> Visitors:
    """Two organizations of two; everybody has been here, so that no visit is to be written."""
    people = make_people()
    dora = create_user("dora@example.com", "correct horse battery", first_name="Dora")
    add_member(people.other, user=dora, role=Membership.Role.MEMBER)
    clients = [people.client(user) for user in (people.alice, people.bob, people.charlie)]
    for client in clients:
        _team(client)
    connect().flushdb()
    house.catch_up()
    return Visitors(people, dora, *clients)


def _team(client: WalledClient) -> str:
    answer = client.get("/team/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_pages_read_the_replica_and_writers_and_their_colleagues_the_primary(
    house: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = _visitors(house)
    people = visitors.people
    _team(visitors.alice)  # the replica is found in step
    monkeypatch.setattr(replica, "_trusted_until", time.monotonic() + 60)
    house.pause()
    try:
        _rename(people.bob, "Robert")
        _rename(visitors.dora, "Dorothea")
        assert "Robert" not in _team(visitors.alice)
        _wrote(people.alice, people.organization)
        assert "Robert" in _team(visitors.alice)
        assert "Robert" in _team(visitors.bob)
        assert "Dorothea" not in _team(visitors.charlie)
    finally:
        house.resume()
    house.catch_up()
    assert "Dorothea" in _team(visitors.charlie)


def test_the_wall_stands_on_the_replica_too(house: Standby) -> None:
    people = make_people()
    house.catch_up()
    with replica.reading() as reads:
        with context.acting(organization_id=people.organization.pk):
            assert reads.may_use_replica()
            assert Membership.objects.count() == 2
        with context.acting(organization_id=people.other.pk):
            assert Membership.objects.count() == 1
        with context.use(context.Context()):
            assert Membership.objects.count() == 0


def test_from_the_first_write_on_and_in_services_the_primary_is_read(house: Standby) -> None:
    people = make_people()
    house.catch_up()
    with context.acting(organization_id=people.organization.pk):
        with replica.reading():
            assert Organization.objects.first()._state.db == ALIAS
            with transaction.atomic():
                assert Organization.objects.first()._state.db == DEFAULT_DB_ALIAS
            found = Organization.objects.get(pk=people.organization.pk)
            assert found._state.db == ALIAS
            found.name = "Saved to the primary"
            found.save()
            again = Organization.objects.get(pk=people.organization.pk)
            assert (again._state.db, again.name) == (DEFAULT_DB_ALIAS, "Saved to the primary")
        with replica.reading(), transaction.atomic():
            locked = Organization.objects.select_for_update().get(pk=people.organization.pk)
            assert locked._state.db == DEFAULT_DB_ALIAS


def test_a_write_by_an_api_key_keeps_its_organization_on_the_primary(
    people: People, settings: Any
) -> None:
    _, text = make_key(people.organization, people.alice, "webhooks:write")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "config.operations.replica.ReplicaMiddleware"]
    answer = WalledClient().post(
        "/api/v1/webhooks/endpoints",
        {"url": "https://8.8.8.8/hook", "event_types": ["*"]},
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}"},
    )
    assert answer.status_code == 201, answer.content
    remembered = {key.decode() for key in connect().keys("operations:wrote:*")}
    assert remembered == {f"operations:wrote:organization:{people.organization.pk}"}


# The last one: it stops the standby.
def test_a_replica_that_is_gone_or_far_behind_is_left_alone(house: Standby, settings: Any) -> None:
    visitors = _visitors(house)
    settings.READ_OWN_WRITES_SECONDS = 0.2
    house.pause()
    _rename(visitors.people.bob, "Robert")
    behind = "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"
    assert wait_until(lambda: bool(house.ask(behind)), seconds=20)

    def is_avoided() -> bool:
        replica.forget()
        with replica.reading() as reads:
            return not reads.may_use_replica()

    assert wait_until(is_avoided, seconds=10)
    house.resume()
    house.catch_up()
    settings.READ_OWN_WRITES_SECONDS = 60
    assert wait_until(lambda: not is_avoided(), seconds=10)
    house.stop()
    replica.forget()
    connections[ALIAS].close()
    assert "Robert" in _team(visitors.alice)
    began = time.monotonic()
    _team(visitors.alice)
    assert time.monotonic() - began < 3
