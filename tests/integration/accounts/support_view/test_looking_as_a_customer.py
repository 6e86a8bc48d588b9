"""ADM-5, AUD-11: support sees what a customer sees, changes nothing, and the customer knows."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Impersonation, Membership, NotificationRead, User
from accounts.services.impersonation import (
    HandoverOver,
    NotToBeSeen,
    ask_to_look,
    begin_look,
    end_looks_of,
    read_token,
)
from accounts.services.notifications import notify
from accounts.services.organizations import create_organization
from accounts.services.users import create_user
from config.kit.errors import Forbidden
from tests.conftest import People, WalledClient, make_people

REASON = "ticket 4711: cannot see their invoice"


def _staff(role: str = User.Role.ADMIN) -> User:
    return create_user(f"{role}@switchyard.example", "correct horse battery", role=role)


@pytest.fixture
def staff(people: People) -> User:
    return _staff()


@pytest.fixture
def token(people: People, staff: User) -> str:
    return ask_to_look(staff, people.alice, reason=REASON)


@pytest.fixture
def looking(token: str) -> WalledClient:
    client = WalledClient()
    assert client.post("/support-view/", {"token": token}).status_code == 302
    return client


def test_adm_5_the_page_asks_first_and_a_get_uses_nothing_up(token: str) -> None:
    client = WalledClient()
    for _ in range(2):
        assert b"Look as a customer" in client.get("/support-view/", {"token": token}).content
    assert client.post("/support-view/", {"token": token}).status_code == 302
    assert client.get("/profile/").status_code == 200


def test_adm_5_every_page_has_the_banner_with_who_whom_and_how_long(looking: WalledClient) -> None:
    for address in ("/", "/billing/", "/licenses/", "/profile/"):
        page = looking.get(address).content.decode()
        assert "admin@switchyard.example" in page, address
        assert "alice@example.com" in page
        assert "30 more minutes" in page
        assert "/support-view/end/" in page


def test_adm_5_nothing_can_be_changed(looking: WalledClient, people: People) -> None:
    """ADM-5: read only: every unsafe method, pages and API alike."""
    for address in ("/profile/", "/organizations/new/", "/welcome/", "/profile/data/request/"):
        assert looking.post(address, {"first_name": "Eve"}).status_code == 403, address
    for method in ("post", "put", "patch", "delete"):
        answer = getattr(looking, method)("/api/v1/orders", content_type="application/json")
        assert answer.status_code == 403
        assert answer.json()["code"] == "read_only_look"
    people.alice.refresh_from_db()
    assert people.alice.first_name == "Alice"


def test_adm_5_every_organization_of_the_customer_can_be_looked_at(
    looking: WalledClient, people: People, alice: WalledClient
) -> None:
    """ADM-5: choosing another one writes the look's own session and nothing of the customer's."""
    second = create_organization(name="Eastwind", owner=people.alice, country="DE")
    alice.get("/")
    before = dict(alice.session)
    entries = AuditLog.objects.count()
    switched = looking.post("/organizations/switch/", {"organization": str(second.pk)})
    assert switched["Location"] == "/"
    assert "<span>Eastwind" in looking.get("/").content.decode()
    assert "<span>Northwind" in alice.get("/").content.decode()
    assert dict(alice.session) == before
    assert AuditLog.objects.count() == entries
    foreign = looking.post("/organizations/switch/", {"organization": str(people.other.pk)})
    assert foreign.status_code == 404
    assert looking.post("/profile/", {"first_name": "Eve"}).status_code == 403


def test_adm_5_looking_leaves_no_trace_of_the_customer(
    looking: WalledClient, people: People
) -> None:
    """ADM-5: it is not the customer who was there, so nobody reads that they were."""
    long_ago = now() - timedelta(days=30)
    Membership.objects.filter(user=people.alice).update(last_active_at=long_ago)
    for address in ("/", "/team/", "/notifications/", "/api/v1/organization"):
        assert looking.get(address, follow=True).status_code == 200, address
    assert Membership.objects.get(user=people.alice).last_active_at == long_ago
    told = notify(people.organization.pk, "invoice_paid", title="Paid", url="/billing/")
    assert told is not None
    assert looking.get(f"/notifications/{told.pk}/open/")["Location"] == "/billing/"
    assert not NotificationRead.objects.exists(), "alice has not read it"


@pytest.mark.parametrize(
    "address",
    ["/2fa/", "/2fa/recovery-codes/", "/2fa/totp/activate/", "/password/change/", "/email/"],
)
def test_adm_5_pages_with_secrets_and_credentials_are_closed(
    looking: WalledClient, address: str
) -> None:
    assert looking.get(address).status_code == 403


def test_adm_5_both_ids_stand_in_the_audit_and_the_person_reads_it(
    looking: WalledClient, people: People, staff: User, alice: Client
) -> None:
    """AUD-11: impersonation is audited."""
    entry = AuditLog.objects.get(action="impersonation.started")
    assert entry.impersonator_id == str(staff.pk)
    assert (entry.entity_type, entry.entity_id) == ("accounts_user", str(people.alice.pk))
    assert entry.organization_id == people.organization.pk
    page = alice.get("/logs/").content.decode()
    assert "Support began to look at the account" in page
    assert "admin@switchyard.example" not in page
    assert REASON in alice.get(f"/logs/{entry.pk}/").content.decode()
    looking.get("/logs/", {"export": "csv"})
    export = AuditLog.objects.get(action="audit_log.exported")
    assert (export.actor_id, export.impersonator_id) == (str(people.alice.pk), str(staff.pk))


def test_adm_5_only_administrators_look(people: People) -> None:
    for role in (User.Role.SUPPORT, User.Role.READONLY, User.Role.CUSTOMER):
        with pytest.raises(Forbidden):
            ask_to_look(_staff(role), people.alice, reason=REASON)


def test_adm_5_staff_are_never_looked_at(staff: User) -> None:
    with pytest.raises(NotToBeSeen):
        ask_to_look(staff, _staff(User.Role.SUPPORT), reason=REASON)


def test_adm_5_a_customer_who_became_staff_is_seen_no_more(
    looking: WalledClient, people: People
) -> None:
    User.objects.filter(pk=people.alice.pk).update(role=User.Role.SUPPORT)
    assert looking.get("/")["Location"] == "/support-view/over/"


def test_adm_5_the_link_is_good_for_a_minute_and_signed(token: str, people: People) -> None:
    with pytest.raises(HandoverOver):
        read_token(token[:-2] + "xx")
    with pytest.raises(HandoverOver):
        read_token(signing.dumps(str(people.alice.pk), salt="another"))
    old = signing.TimestampSigner(salt="switchyard.impersonation")
    old.timestamp = lambda: signing.b62_encode(int((now() - timedelta(seconds=61)).timestamp()))  # type: ignore[method-assign]
    with pytest.raises(HandoverOver):
        read_token(old.sign_object(str(Impersonation.objects.get().pk)))
    assert WalledClient().get("/support-view/", {"token": "x"}).status_code == 410


def test_adm_5_the_link_works_once(token: str, looking: WalledClient) -> None:
    assert WalledClient().post("/support-view/", {"token": token}).status_code == 410


def test_adm_5_of_many_who_hold_the_link_one_is_let_in(live_database: None) -> None:
    people = make_people()
    key = read_token(ask_to_look(_staff(), people.alice, reason=REASON))
    let_in: list[bool] = []

    def begin() -> None:
        try:
            begin_look(key, at=now())
            let_in.append(True)
        except HandoverOver:
            let_in.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(let_in) == [False] * 7 + [True]


@pytest.mark.parametrize("way_out", ["/support-view/end/", "/logout/"])
def test_adm_5_it_ends_by_button_and_by_signing_out(looking: WalledClient, way_out: str) -> None:
    assert looking.post(way_out)["Location"] == "/support-view/over/"
    assert looking.get("/profile/").status_code == 302
    assert Impersonation.objects.get().ended_at is not None
    assert AuditLog.objects.filter(action="impersonation.ended").count() == 1
    assert not AuditLog.objects.filter(action="user.logged_out").exists()
    assert b"look is over" in looking.get("/support-view/over/").content
    assert looking.post("/support-view/end/").status_code == 302


def test_adm_5_it_ends_by_itself_after_thirty_minutes(looking: WalledClient) -> None:
    at = now()
    Impersonation.objects.update(started_at=at - timedelta(minutes=31), expires_at=at)
    assert looking.get("/")["Location"] == "/support-view/over/"
    assert looking.get("/profile/").status_code == 302


def test_adm_5_it_ends_when_the_member_of_staff_signs_out(
    looking: WalledClient, staff: User
) -> None:
    end_looks_of(staff, at=now())
    assert looking.get("/")["Location"] == "/support-view/over/"


def test_adm_5_it_ends_when_the_role_is_taken_away(looking: WalledClient, staff: User) -> None:
    User.objects.filter(pk=staff.pk).update(role=User.Role.SUPPORT)
    assert looking.get("/")["Location"] == "/support-view/over/"


def test_adm_5_the_customers_session_list_does_not_show_it(
    looking: WalledClient, people: People
) -> None:
    assert people.alice.usersession_set.count() == 0


def test_adm_5_the_site_cannot_invent_a_look(people: People, staff: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('switchyard_app', 'accounts_impersonation', 'INSERT'),"
            " has_column_privilege('switchyard_app', 'accounts_impersonation', 'user_id', 'UPDATE'),"
            " has_column_privilege('switchyard_app', 'accounts_impersonation', 'ended_at', 'UPDATE')"
        )
        assert cursor.fetchone() == (False, False, True)


def test_adm_5_other_sessions_have_no_banner(alice: Client) -> None:
    page = alice.get("/").content.decode()
    assert not re.search(r"/support-view/", page)


def test_adm_5_a_reason_is_needed(people: People, staff: User) -> None:
    with pytest.raises(Exception, match="accounts_impersonation_reason"):
        Impersonation.objects.create(staff=staff, user=people.alice, reason="")
