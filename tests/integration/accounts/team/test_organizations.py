"""Organizations: founded, described, closed, restored; and closing one's own account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from accounts import events
from accounts.models import AuditLog, Invitation, Membership, Organization, User
from accounts.services import closing, organizations
from accounts.services.organizations import create_organization
from billing.models import Invoice, Order
from config.kit import context
from config.kit.errors import Conflict
from tests.conftest import People, WalledClient
from tests.factories.billing import order_of, profile_of
from tests.factories.licensing import subscription_of
from tests.factories.team import invitation_of, joined

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


class Vetoed(Conflict):
    code = "vetoed"
    message = "Not while the moon is full."


@pytest.fixture
def user_veto() -> Iterator[None]:
    def refuse(**_: Any) -> None:
        raise Vetoed

    events.user_closing.connect(refuse)
    yield
    events.user_closing.disconnect(refuse)


def test_another_organization_is_founded_and_acted_for(alice: WalledClient) -> None:
    assert alice.get("/organizations/new/").status_code == 200
    answer = alice.post("/organizations/new/", {"name": "Eastwind", "country": "PL"})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    shown = alice.get("/organizations/").context
    assert shown["organization"].name == "Eastwind"
    assert [each.organization.name for each in shown["memberships"]] == ["Northwind", "Eastwind"]


def test_an_organization_is_founded_over_the_api_once_a_key(alice: WalledClient) -> None:
    wish = {"name": "Eastwind", "country": "pl"}
    headers = {"Idempotency-Key": "one"}
    answers = [alice.post("/api/v1/organizations", wish, headers=headers, **JSON) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[0].json()["country"] == "PL"
    names = {row["name"]: row for row in alice.get("/api/v1/organizations").json()["results"]}
    assert set(names) == {"Northwind", "Eastwind"}
    assert (names["Northwind"]["current"], names["Eastwind"]["current"]) == (True, False)
    assert names["Eastwind"]["role"] == "owner"


def test_a_person_founds_twenty_at_most(people: People, alice: WalledClient) -> None:
    for number in range(organizations.MOST_FOUNDED - 1):
        create_organization(name=f"Wind {number}", owner=people.alice)
    refused = alice.post("/api/v1/organizations", {"name": "One more"}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_organizations")
    page = alice.post("/organizations/new/", {"name": "One more", "country": "DE"})
    assert page.status_code == 422


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"name": "Northwind Labs"}, 200),
        ({"country": "FR"}, 200),
        ({"country": "XX"}, 422),
        ({"name": "  "}, 422),
        ({"name": "a\0b"}, 422),
        ({"subscription_tier": "enterprise"}, 422),
        ({"status": "closed"}, 422),
    ],
)
def test_an_organization_is_described_over_the_api(
    alice: WalledClient, bob: WalledClient, people: People, wish: dict[str, str], status: int
) -> None:
    """API-2: what is not offered is refused, not ignored."""
    assert bob.patch("/api/v1/organization", wish, **JSON).status_code == 403
    answer = alice.patch("/api/v1/organization", wish, **JSON)
    assert answer.status_code == status
    if status == 200:
        stored = {"name": "Northwind", "country": "DE"} | wish
        assert {name: answer.json()[name] for name in stored} == stored


def test_closing_takes_the_typed_name_and_hides_all_from_members(
    people: People, alice: WalledClient, bob: WalledClient
) -> None:
    invitation = invitation_of(people.organization)
    assert alice.post("/settings/organization/close/", {"confirm": "no"}).status_code == 422
    answer = alice.post("/settings/organization/close/", {"confirm": "Northwind"})
    assert answer["Location"] == "/organizations/"
    assert "You belong to no organization" in alice.get("/organizations/").content.decode()
    for client in (alice, bob):
        assert client.get("/")["Location"] == "/organizations/"
        assert client.get("/api/v1/organization").status_code == 403
    assert (
        alice.post("/organizations/switch/", {"organization": people.organization.pk}).status_code
        == 404
    )
    assert Invitation.objects.get(pk=invitation.pk).revoked_at is not None
    assert AuditLog.objects.filter(action="organization.closed").count() == 1


def test_only_owners_close_and_only_by_name(
    people: People, alice: WalledClient, bob: WalledClient, charlie: WalledClient, nobody: Any
) -> None:
    anna = people.client(joined(people.organization, "anna", "admin").user)
    url, right = "/api/v1/organization/close", {"confirm": "Northwind"}
    assert anna.post(url, right, **JSON).status_code == 403
    assert bob.post(url, right, **JSON).status_code == 403
    assert nobody.post(url, right, **JSON).status_code == 401
    assert charlie.post(url, right, **JSON).json()["code"] == "not_confirmed", "his is another"
    assert alice.post(url, {"confirm": "nord"}, **JSON).status_code == 422
    assert alice.post(url, right, **JSON).status_code == 204


def test_billing_vetoes_while_a_subscription_runs(people: People, alice: WalledClient) -> None:
    subscription = subscription_of(people.organization)
    refused = alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (409, "subscription_running")
    page = alice.post("/settings/organization/close/", {"confirm": "Northwind"})
    assert (page.status_code, "still running" in page.content.decode()) == (422, True)
    type(subscription).objects.filter(pk=subscription.pk).update(status="ended", ended_at=now())
    assert (
        alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON).status_code
        == 204
    )


def test_billing_vetoes_while_an_order_waits_for_its_payment(
    people: People, alice: WalledClient
) -> None:
    profile_of(people.organization)
    order = order_of(people.organization, at=now())
    refused = alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON)
    assert (refused.status_code, refused.json()["code"]) == (409, "invoice_unpaid")
    Order.objects.filter(pk=order.pk).update(status="cancelled", cancelled_at=now())
    Invoice.objects.filter(order=order).update(status="void")
    assert (
        alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON).status_code
        == 204
    )


def test_a_closed_organization_is_restored_with_all_its_members(people: People) -> None:
    closing.close_organization(people.organization, confirm="Northwind")
    closing.restore_organization(people.organization, reason="They asked")
    closing.restore_organization(people.organization, reason="Twice")
    assert people.client(people.bob).get("/").context["organization"] == people.organization
    [entry] = AuditLog.objects.filter(action="organization.restored")
    assert entry.new_values["reason"] == "They asked"


def test_an_account_closes_with_what_only_it_was_in(people: People, charlie: WalledClient) -> None:
    guest = joined(people.organization, "dora", "member")
    create_organization(name="Dora", owner=guest.user, is_personal=True)
    dora = people.client(guest.user)
    page = dora.get("/settings/account/close/").content.decode()
    assert "Dora closes along" in page
    assert "You leave Northwind" in page
    assert dora.post("/settings/account/close/", {"confirm": "x@y.zz"}).status_code == 422
    answer = dora.post("/settings/account/close/", {"confirm": "DORA@example.com"})
    assert answer["Location"] == "/login/"
    stored = User.objects.get(pk=guest.user_id)
    assert (stored.status, stored.has_usable_password()) == ("closed", False)
    assert Organization.objects.get(name="Dora").status == "closed"
    assert not people.organization.memberships.filter(user=stored).exists()
    assert dora.get("/profile/")["Location"].startswith("/login/")
    assert AuditLog.objects.filter(action="user.closed", entity_id=str(stored.pk)).exists()


def test_a_sole_owner_of_others_cannot_close_their_account(
    people: People, alice: WalledClient
) -> None:
    assert "You are the only owner" in alice.get("/settings/account/close/").content.decode()
    refused = alice.post("/settings/account/close/", {"confirm": "alice@example.com"})
    assert (refused.status_code, "Northwind" in refused.content.decode()) == (422, True)
    assert User.objects.get(pk=people.alice.pk).status == "active"
    with context.acting(organization_id=people.organization.pk):
        Membership.objects.filter(user=people.bob).update(role="owner")
    assert (
        alice.post("/settings/account/close/", {"confirm": "alice@example.com"}).status_code == 302
    )


@pytest.mark.parametrize("facts", [{"role": "support"}, {"role": "admin"}, {"is_superuser": True}])
def test_staff_do_not_close_their_own_account(people: People, facts: dict[str, Any]) -> None:
    guest = joined(people.organization, "dora", "member")
    User.objects.filter(pk=guest.user_id).update(**facts)
    refused = people.client(guest.user).post(
        "/settings/account/close/", {"confirm": "dora@example.com"}
    )
    assert (refused.status_code, "member of staff" in refused.content.decode()) == (422, True)
    assert User.objects.get(pk=guest.user_id).status == "active"


def test_money_owed_keeps_the_account_open_too(people: People, charlie: WalledClient) -> None:
    subscription_of(people.other)
    refused = charlie.post("/settings/account/close/", {"confirm": "charlie@example.com"})
    assert (refused.status_code, "still running" in refused.content.decode()) == (422, True)
    assert User.objects.get(pk=people.charlie.pk).status == "active"
    assert Organization.objects.get(pk=people.other.pk).status == "active"


def test_any_storey_may_veto_and_then_nothing_has_changed(
    people: People, charlie: WalledClient, user_veto: None
) -> None:
    refused = charlie.post("/settings/account/close/", {"confirm": "charlie@example.com"})
    assert (refused.status_code, "moon" in refused.content.decode()) == (422, True)
    assert User.objects.get(pk=people.charlie.pk).status == "active"
    assert Session.objects.exists()


def test_whoever_belongs_to_none_may_found_one(people: People, bob: WalledClient) -> None:
    people.organization.memberships.filter(user=people.bob).delete()
    assert bob.get("/licenses/")["Location"] == "/organizations/"
    assert bob.get("/organizations/new/").status_code == 200
    assert bob.post("/organizations/new/", {"name": "Bob", "country": "DE"})["Location"] == "/"
    assert bob.get("/").context["organization"].name == "Bob"


def test_the_settings_page_leads_to_the_ways_out(people: People, alice: WalledClient) -> None:
    page = alice.get("/settings/organization/").content.decode()
    assert "/settings/organization/close/" in page
    anna = joined(people.organization, "anna", "admin")
    page = people.client(anna.user).get("/settings/organization/").content.decode()
    assert "/settings/organization/close/" not in page
    assert "/team/leave/" in page
