"""What every test may ask for: the people, their clients, a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from hypothesis import settings as hypothesis_settings
from psycopg.pq import TransactionStatus
from xdist.scheduler import LoadScopeScheduling

from accounts import events
from accounts.models import AccountMail, Membership, Organization, User
from accounts.services.account_mail import message_of
from accounts.services.live import live
from accounts.services.organizations import add_member, create_organization
from accounts.services.users import create_user
from config.kit import context
from config.kit.redis import connect
from tests import services

# Run on one worker each, so that they share a stack of processes, a lock of the server
# or the ports that servers look for.
STACKS = (
    "tests/browser/",
    "tests/integration/operations/",
    "tests/integration/config/test_embedded_services.py",
    "tests/integration/accounts/webhooks/test_worker_killed.py",
    "tests/integration/test_api_schema.py",
    "tests/integration/test_login_examples.py",
    "tests/integration/test_outage.py",
    "tests/integration/test_purchases_under_fire.py",
)


# Run on one worker, after one another: the trail is sealed up to the oldest open transaction of the
# server, and those of the house hold one open for a minute.
SLOW_TRANSACTIONS = (
    "tests/house/test_bounds.py",
    "tests/house/test_headers.py",
    "tests/house/test_idempotency.py",
    "tests/house/test_mass_assignment.py",
    "tests/house/test_matrix.py",
    "tests/house/test_refusals.py",
    "tests/house/test_scoping.py",
    "tests/integration/accounts/privacy/test_data_and_erasure.py",
    "tests/integration/accounts/privacy/test_erasing_a_customer.py",
    "tests/integration/accounts/trail/test_sealing.py",
    "tests/integration/backoffice/test_trail_pages.py",
)


class HouseScheduling(LoadScopeScheduling):
    """Keeps tests that may not run beside each other on one worker; spreads all others singly."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path in SLOW_TRANSACTIONS:
            return "slow transactions"
        return next((stack for stack in STACKS if path.startswith(stack)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> HouseScheduling:
    return HouseScheduling(config, log)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Clone this worker's database from the migrated template."""
    name = f"test_{services.WORKER}"
    services.build_template()
    services.clone(name)
    with django_db_blocker.unblock():
        live("SIGN_UP_OPEN")
    yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture
def live_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database whose commits are real: for threads, processes and on_commit. Cloned anew after."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
    services.clone(f"test_{services.WORKER}")


@pytest.fixture(autouse=True)
def clean_redis(request: pytest.FixtureRequest) -> None:
    if "tests/unit" not in str(request.node.path):
        connect().flushdb()


# Properties are tried 200 times in the suite; `--hypothesis-profile=thorough` tries 10,000.
hypothesis_settings.register_profile("suite", max_examples=200, deadline=None)
hypothesis_settings.register_profile("thorough", max_examples=10_000, deadline=None)
hypothesis_settings.load_profile("suite")


@contextmanager
def behind_the_wall() -> Iterator[None]:
    """Run the block as the web process's database role, so that row-level security applies."""
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE switchyard_app")
    try:
        yield
    finally:
        # In a failed transaction nothing can be reset; its rollback resets the role as well.
        if connection.connection.info.transaction_status != TransactionStatus.INERROR:
            with connection.cursor() as cursor:
                cursor.execute("RESET ROLE")


class WalledClient(Client):
    """A client whose requests run as the app role, as they do in the web process."""

    def request(self, **environ: Any) -> Any:
        with behind_the_wall():
            return super().request(**environ)


@dataclass
class People:
    """Alice owns, Bob is a member, Charlie owns another organization; nobody has no account."""

    alice: User
    bob: User
    charlie: User
    organization: Organization
    other: Organization

    def client(self, user: User | None) -> WalledClient:
        """Return a client that is logged in as `user`; None is nobody."""
        client = WalledClient()
        if user is not None:
            client.force_login(user)
        return client


def make_people() -> People:
    alice, bob, charlie = (
        create_user(f"{name}@example.com", "correct horse battery", first_name=name.title())
        for name in ("alice", "bob", "charlie")
    )
    organization = create_organization(name="Northwind", owner=alice, country="DE")
    add_member(organization, user=bob, role=Membership.Role.MEMBER)
    other = create_organization(name="Southwind", owner=charlie, country="FR")
    for user in (alice, bob, charlie):
        user.emailaddress_set.create(email=user.email, verified=True, primary=True)
    return People(alice, bob, charlie, organization, other)


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def organization(people: People) -> Organization:
    return people.organization


@pytest.fixture
def alice(people: People) -> WalledClient:
    return people.client(people.alice)


@pytest.fixture
def bob(people: People) -> WalledClient:
    return people.client(people.bob)


@pytest.fixture
def charlie(people: People) -> WalledClient:
    return people.client(people.charlie)


@pytest.fixture
def nobody(people: People) -> WalledClient:
    return people.client(None)


@pytest.fixture
def acting_for(people: People) -> Callable[..., Any]:
    """Open the tenant of an organization for ORM work in the test's own thread."""

    def open_tenant(organization: Organization | None = None) -> Any:
        return context.acting(organization_id=(organization or people.organization).pk)

    return open_tenant


@pytest.fixture
def postman() -> Iterator[None]:
    """Mails of the sign-in pages are sent as soon as they are written, not by a worker later."""

    def deliver(mail: AccountMail, **_: Any) -> None:
        message_of(mail).send()

    events.account_mail_written.connect(deliver)
    yield
    events.account_mail_written.disconnect(deliver)


@pytest.fixture
def redis_client() -> Any:
    return connect()
