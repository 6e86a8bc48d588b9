"""Members: roles, farewells, the hand-over of ownership; on pages and over the API."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.utils.timezone import now

from accounts.models import AuditLog, Membership, User
from accounts.rules import team as rules
from accounts.services.team import members
from tests.conftest import People, WalledClient
from tests.factories.team import invitation_of, joined

pytestmark = pytest.mark.django_db


def membership_of(people: People, user: User) -> Membership:
    return Membership.objects.get(organization=people.organization, user=user)


def patch(client: WalledClient, member: Membership, role: str) -> Any:
    url = f"/api/v1/organization/members/{member.pk}"
    return client.patch(url, {"role": role}, content_type="application/json")


ROLES_OVER = [
    # who asks, whose role, to what, status
    ("owner", "member", "owner", 200),
    ("owner", "owner", "member", 200),
    ("admin", "member", "admin", 200),
    ("admin", "member", "owner", 403),
    ("admin", "owner", "member", 403),
    ("member", "readonly", "member", 403),
    ("readonly", "member", "readonly", 403),
]


@pytest.mark.parametrize(("asks", "before", "after", "status"), ROLES_OVER)
def test_a_role_is_changed_by_whom_the_table_allows(
    people: People, asks: str, before: str, after: str, status: int
) -> None:
    asker = joined(people.organization, "asker", asks)
    subject = joined(people.organization, "subject", before)
    answer = patch(people.client(asker.user), subject, after)
    assert answer.status_code == status
    subject.refresh_from_db()
    assert subject.role == (after if status == 200 else before)


def test_alice_lists_bob_looks_charlie_and_nobody_do_not(
    people: People, alice: WalledClient, bob: WalledClient, charlie: WalledClient, nobody: Any
) -> None:
    url = "/api/v1/organization/members"
    one = f"{url}/{membership_of(people, people.bob).pk}"
    rows = {row["email"]: row for row in alice.get(url).json()["results"]}
    assert set(rows) == {"alice@example.com", "bob@example.com"}
    assert rows["bob@example.com"]["second_factor"] is False
    seen_by_bob = bob.get(one).json()
    assert (seen_by_bob["role"], seen_by_bob["second_factor"]) == ("member", None)
    assert [row["email"] for row in charlie.get(url).json()["results"]] == ["charlie@example.com"]
    assert charlie.get(one).status_code == 404
    assert patch(charlie, membership_of(people, people.bob), "admin").status_code == 404
    assert charlie.delete(one).status_code == 404
    assert bob.delete(one).status_code == 403
    assert nobody.get(url).status_code == nobody.get(one).status_code == 401


def test_unknown_fields_and_roles_are_refused(alice: WalledClient, people: People) -> None:
    bob = membership_of(people, people.bob)
    assert patch(alice, bob, "emperor").status_code == 422
    url = f"/api/v1/organization/members/{bob.pk}"
    answer = alice.patch(url, {"role": "admin", "user": "x"}, content_type="application/json")
    assert answer.json()["errors"][0]["code"] == "unknown"


def test_a_removed_member_is_out_with_the_next_request(people: People, bob: WalledClient) -> None:
    assert bob.get("/").status_code == 200
    alice = people.client(people.alice)
    member = membership_of(people, people.bob)
    assert alice.get(f"/team/members/{member.pk}/remove/").status_code == 200
    assert alice.post(f"/team/members/{member.pk}/remove/").status_code == 302
    assert bob.get("/")["Location"] == "/organizations/"
    assert bob.get("/api/v1/organization/members").status_code == 403
    assert "You belong to no organization" in bob.get("/organizations/").content.decode()
    assert AuditLog.objects.filter(action="member.removed").count() == 1


def test_the_last_owner_stays(people: People, alice: WalledClient) -> None:
    owner = membership_of(people, people.alice)
    for refused in (
        patch(alice, owner, "admin"),
        alice.delete(f"/api/v1/organization/members/{owner.pk}"),
        alice.post("/api/v1/organization/leave"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    page = alice.post(f"/team/members/{owner.pk}/role/", {"role": "admin"})
    assert (page.status_code, "needs an owner" in page.content.decode()) == (422, True)
    assert alice.post("/team/leave/").status_code == 409
    owner.refresh_from_db()
    assert owner.role == "owner"


def test_a_member_leaves(bob: WalledClient, people: People) -> None:
    assert "You lose sight" in bob.get("/team/leave/").content.decode()
    assert bob.post("/api/v1/organization/leave").status_code == 204
    assert not people.organization.memberships.filter(user=people.bob).exists()


def test_ownership_is_handed_over_after_the_name_was_typed(
    people: People, alice: WalledClient, bob: WalledClient
) -> None:
    heir = membership_of(people, people.bob)
    url = "/api/v1/organization/transfer"
    wish = {"member": str(heir.pk), "confirm": "northwind"}
    refused = alice.post(url, wish, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "not_confirmed")
    wish["confirm"] = "Northwind"
    assert bob.post(url, wish, content_type="application/json").status_code == 403
    done = alice.post(url, wish, content_type="application/json")
    assert (done.status_code, done.json()["role"]) == (200, "owner")
    roles = dict(people.organization.memberships.values_list("user__email", "role"))
    assert roles == {"alice@example.com": "admin", "bob@example.com": "owner"}


def test_the_hand_over_has_a_page(people: People, alice: WalledClient, bob: WalledClient) -> None:
    heir = membership_of(people, people.bob)
    assert bob.get("/team/transfer/").status_code == 403
    assert "bob@example.com" in alice.get("/team/transfer/").content.decode()
    wrong = alice.post("/team/transfer/", {"member": heir.pk, "confirm": "no"})
    assert wrong.status_code == 422
    right = alice.post("/team/transfer/", {"member": heir.pk, "confirm": "Northwind"})
    assert right["Location"] == "/team/"
    assert membership_of(people, people.bob).role == "owner"


@pytest.mark.parametrize("path", ["/team/transfer/", "/settings/organization/close/"])
def test_a_name_to_type_is_text_whatever_it_holds(
    people: People, alice: WalledClient, path: str
) -> None:
    people.organization.name = '<b hx-get="/x/" hx-trigger="load">Northwind</b>'
    people.organization.save()
    page = alice.get(path).content.decode()
    assert "Type “&lt;b hx-get=" in page
    assert "<b hx-get=" not in page


def test_an_address_to_type_is_text_whatever_it_holds(people: People, alice: WalledClient) -> None:
    User.objects.filter(pk=people.alice.pk).update(email="<b>@example.com")
    assert "Type “&lt;b&gt;@example.com”" in alice.get("/settings/account/close/").content.decode()


def test_the_rules_of_a_password_are_still_a_list(alice: WalledClient) -> None:
    assert "<ul><li>Your password" in alice.get("/password/change/").content.decode()


def test_ownership_goes_neither_to_oneself_nor_outside(people: People) -> None:
    giver = membership_of(people, people.alice)
    with pytest.raises(rules.TransferToYourself):
        members.transfer_ownership(giver, to=giver, confirm="Northwind")


def test_the_list_shows_factors_and_activity_to_managers_only(
    people: People, alice: WalledClient, bob: WalledClient
) -> None:
    Authenticator.objects.create(user=people.bob, type=Authenticator.Type.TOTP, data={})
    managers = alice.get("/team/").content.decode()
    assert "Second factor" in managers
    assert "Export CSV" in managers
    members_page = bob.get("/team/?export=csv").content.decode()
    assert "alice@example.com" in members_page
    assert "Second factor" not in members_page
    rows = list(
        csv.DictReader(io.StringIO(alice.get("/team/?export=csv").content.decode("utf-8-sig")))
    )
    factors = {row["E-mail"]: row["Second factor"] for row in rows}
    assert factors == {"alice@example.com": "off", "bob@example.com": "on"}


def test_the_list_is_searched_and_narrowed(people: People, alice: WalledClient) -> None:
    found = alice.get("/team/?q=bob").context
    assert [member.user for member in found["page"]] == [people.bob]
    owners = alice.get("/team/?status=owner").context
    assert [member.user for member in owners["page"]] == [people.alice]
    assert "Nobody matches" in alice.get("/team/?q=zebra").content.decode()


def test_being_active_is_written_down_at_most_every_five_minutes(
    people: People, bob: WalledClient
) -> None:
    rows = Membership.objects.filter(user=people.bob)
    rows.update(last_active_at=now() - timedelta(minutes=4))
    before = rows.get().last_active_at
    bob.get("/team/")
    assert rows.get().last_active_at == before
    rows.update(last_active_at=now() - timedelta(minutes=6))
    bob.get("/team/")
    assert now() - rows.get().last_active_at < timedelta(minutes=1)
    assert not AuditLog.objects.filter(
        entity_type="accounts_membership", action="update", actor_id=str(people.bob.pk)
    ).exists(), "a visit is no change"


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/team/", (200, 200, 200, 302)),
        ("/team/invitations/", (200, 403, 200, 302)),
        ("/team/invite/", (200, 403, 200, 302)),
        ("/team/leave/", (200, 200, 200, 302)),
        ("/team/transfer/", (200, 403, 200, 302)),
        ("/team/members/{member}/role/", (200, 403, 404, 302)),
        ("/team/members/{member}/remove/", (200, 403, 404, 302)),
        ("/team/invitations/{invitation}/revoke/", (200, 403, 404, 302)),
        ("/team/invitations/{invitation}/resend/", (405, 405, 405, 405)),
        ("/organizations/", (200, 200, 200, 302)),
        ("/organizations/new/", (200, 200, 200, 302)),
        ("/settings/organization/", (200, 403, 200, 302)),
        ("/settings/organization/close/", (200, 403, 200, 302)),
        ("/settings/account/close/", (200, 200, 200, 302)),
        ("/first-steps/", (200, 200, 200, 302)),
        ("/api/v1/organization", (200, 200, 200, 401)),
        ("/api/v1/organizations", (200, 200, 200, 401)),
        ("/api/v1/organization/members", (200, 200, 200, 401)),
        ("/api/v1/organization/members/{member}", (200, 200, 404, 401)),
        ("/api/v1/organization/invitations", (200, 403, 200, 401)),
        ("/api/v1/organization/invitations/{invitation}", (200, 403, 404, 401)),
    ],
)
def test_who_may_look(people: People, path: str, statuses: tuple[int, ...]) -> None:
    """The statuses are those of alice (owner), bob (member), charlie (stranger) and nobody."""
    member = membership_of(people, people.bob)
    invitation = invitation_of(people.organization)
    filled = path.format(member=member.pk, invitation=invitation.pk)
    users = (people.alice, people.bob, people.charlie, None)
    assert tuple(people.client(user).get(filled).status_code for user in users) == statuses


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/team/", 9),
        ("/team/invitations/", 9),
        ("/api/v1/organization/members", 7),
        ("/api/v1/organization/invitations", 7),
        ("/api/v1/organizations", 7),
    ],
)
def test_a_list_asks_as_often_for_many_rows_as_for_few(
    people: People, path: str, queries: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        joined(people.organization, f"colleague{number}", "member")
        invitation_of(people.organization)
    alice = people.client(people.alice)
    alice.get(path)
    with django_assert_max_num_queries(queries):
        assert alice.get(path).status_code == 200
