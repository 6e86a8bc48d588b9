"""What other credentials than the site's session may do to a team, and when they stop."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Membership
from accounts.services.closing import close_account, close_organization
from accounts.services.team import members
from config.kit import context
from tests.conftest import People
from tests.factories.keys import make_key
from tests.factories.team import joined
from tests.factories.tokens import ApiClient, session_of

pytestmark = pytest.mark.django_db


def membership_of(people: People, user: Any) -> Membership:
    return Membership.objects.get(organization=people.organization, user=user)


def test_a_removed_members_token_opens_nothing_of_the_organization(people: People) -> None:
    program = ApiClient(session_of(people.bob).access_token)
    named = {"Switchyard_Organization": str(people.organization.pk)}
    assert program.ask("get", "organization/members", **named).status_code == 200
    with context.acting(organization_id=people.organization.pk):
        members.remove_member(membership_of(people, people.bob), manages_owners=True)
    assert program.ask("get", "organization/members", **named).status_code == 404
    assert program.ask("get", "organization/members").status_code == 403


def test_a_token_acts_for_the_organization_that_is_named(people: People) -> None:
    erin = joined(people.other, "erin", "member")
    with context.acting(organization_id=people.organization.pk):
        Membership.objects.create(
            organization=people.organization, user=people.charlie, role="admin"
        )
    program = ApiClient(session_of(people.charlie).access_token)
    rows = program.ask("get", "organizations").json()["results"]
    assert {row["name"]: row["role"] for row in rows} == {
        "Southwind": "owner",
        "Northwind": "admin",
    }
    named = {"Switchyard_Organization": str(people.organization.pk)}
    emails = {
        row["email"]
        for row in program.ask("get", "organization/members", **named).json()["results"]
    }
    assert emails == {"alice@example.com", "bob@example.com", "charlie@example.com"}
    assert program.ask("get", f"organization/members/{erin.pk}", **named).status_code == 404


def test_closing_ends_what_tokens_and_keys_open(people: People) -> None:
    _, secret = make_key(people.other, people.charlie, "team:read")
    key, token = ApiClient(secret), ApiClient(session_of(people.charlie).access_token)
    assert key.ask("get", "organization/members").status_code == 200
    with context.acting(organization_id=people.other.pk):
        close_organization(people.other, confirm="Southwind")
    assert key.ask("get", "organization/members").status_code in (401, 403)
    assert token.ask("get", "organization/members").status_code == 403
    with context.acting(user_id=people.charlie.pk):
        close_account(people.charlie)
    assert token.ask("get", "me").status_code == 401


def test_a_key_manages_the_team_by_its_scope_and_never_owners(people: People) -> None:
    _, reads = make_key(people.organization, people.alice, "team:read")
    _, writes = make_key(people.organization, people.alice, "team:read", "team:write")
    wish = {"emails": ["guest@example.com"], "role": "member"}
    refused = ApiClient(reads).ask("post", "organization/invitations", wish)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    program = ApiClient(writes)
    made = program.ask("post", "organization/invitations", wish)
    assert made.status_code == 201
    assert made.json()["outcomes"][0]["invitation"]["invited_by"] is None
    bob = membership_of(people, people.bob)
    changed = program.ask("patch", f"organization/members/{bob.pk}", {"role": "admin"})
    assert (changed.status_code, changed.json()["second_factor"]) == (200, None)
    for refused in (
        program.ask("patch", f"organization/members/{bob.pk}", {"role": "owner"}),
        program.ask("delete", f"organization/members/{membership_of(people, people.alice).pk}"),
        program.ask("post", "organization/invitations", wish | {"role": "owner"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "owners_only")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("organization/leave", None),
        ("organization/close", {"confirm": "Northwind"}),
        ("organization/transfer", {"confirm": "Northwind"}),
        ("organizations", {"name": "Eastwind"}),
    ],
)
def test_what_only_people_do_no_key_does(people: People, path: str, body: Any) -> None:
    _, secret = make_key(people.organization, people.alice, "team:write", "account:write")
    if path.endswith("transfer"):
        body = body | {"member": str(membership_of(people, people.bob).pk)}
    refused = ApiClient(secret).ask("post", path, body)
    assert (refused.status_code, refused.json()["code"]) == (403, "person_required")
