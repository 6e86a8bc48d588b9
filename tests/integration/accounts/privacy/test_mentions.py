"""AUD-9: forgetting one person takes nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.models import (
    Invitation,
    Membership,
    Notification,
    Organization,
    User,
    WebhookEvent,
)
from accounts.services import announcements
from accounts.services.closing import close_account
from accounts.services.notifications import notify
from accounts.services.organizations import add_member
from accounts.services.privacy import erase_user
from accounts.services.team.members import leave
from accounts.services.users import create_user
from config.kit import context
from tests.conftest import People
from tests.factories.team import invitation_of


@pytest.fixture
def ann(people: People) -> User:
    """Return a member of Alice's organization."""
    ann = create_user("ann@example.com", "correct horse battery", first_name="Ann", last_name="Li")
    _join(people.organization, ann)
    return ann


def _join(organization: Organization, user: User) -> Membership:
    with context.acting(organization_id=organization.pk):
        return add_member(organization, user=user, role="member")


def _tell(organization: Organization, texts: Iterable[str]) -> None:
    """Tell the organization of each, on the site and by webhook, also deep in a document."""
    for text in texts:
        notify(organization.pk, "trial_ending", title=text)
        notify(organization.pk, "trial_ending", title="Told", text=text)
        WebhookEvent.objects.create(
            organization=organization, type="webhook.test", payload={"facts": [{"said": text}]}
        )


def _told(organization: Organization) -> list[Any]:
    notices = Notification.objects.for_organization(organization).filter(kind="trial_ending")
    events = WebhookEvent.objects.for_organization(organization).filter(type="webhook.test")
    return [
        *(notice.text or notice.title for notice in notices.order_by("pk")),
        *(event.payload["facts"][0]["said"] for event in events.order_by("pk")),
    ]


def _thrice(texts: Iterable[str]) -> list[str]:
    return sorted([*texts] * 3)


NAMING = ("Ann Li has left.", "Write to ANN@example.com.", "<ann@example.com>", 'Line\n"Ann Li"')
LIKE = (
    "Joann Li has left.", "Ann License is here.", "ann li", "Li has left.", "joann@example.com",
    "jo.ann@example.com", "ann@example.com.au", "ann@example.community",
)  # fmt: skip


def test_whole_words_are_forgotten_and_what_only_looks_alike_stays(
    people: People, ann: User
) -> None:
    _tell(people.organization, [*NAMING, *LIKE, f"By {ann.pk}."])
    erase_user(ann, reason="asked")
    assert sorted(_told(people.organization)) == _thrice(LIKE)


def test_nothing_of_a_tenant_is_touched_where_the_person_never_was(
    people: People, ann: User
) -> None:
    _tell(people.other, NAMING)
    erase_user(ann, reason="asked")
    assert sorted(_told(people.other)) == _thrice(NAMING)


@pytest.mark.parametrize(("first_name", "last_name"), [("", "e"), ("Li", ""), ("", "")])
def test_one_short_name_forgets_nothing(people: People, first_name: str, last_name: str) -> None:
    name = {"first_name": first_name, "last_name": last_name}
    user = create_user("e@example.com", "correct horse battery", **name)
    _join(people.organization, user)
    _tell(people.organization, ["The license e ends.", "Li"])
    erase_user(user, reason="asked")
    assert sorted(_told(people.organization)) == _thrice(["Li", "The license e ends."])


def test_the_joining_of_somebody_with_one_name_is_forgotten(people: People) -> None:
    user = create_user("cher@example.com", "correct horse battery", first_name="Cher")
    membership = _join(people.organization, user)
    # The receivers of joining have told of it already, or do so now: the same cause is told once.
    announcements.member_joined(membership)
    notice = Notification.objects.get(source=f"member_joined:{membership.pk}")
    copy = WebhookEvent.objects.create(
        organization=people.organization,
        type="notification.created",
        payload={"id": str(notice.pk), "title": notice.title},
    )
    erase_user(user, reason="asked")
    assert not Notification.objects.filter(pk=notice.pk).exists()
    assert not WebhookEvent.objects.filter(pk=copy.pk).exists()


OLD = "ann.lidova@example.org"


@pytest.fixture
def moved(people: People) -> User:
    """Return Ann, who accepted an invitation under an address that she has no more."""
    invitation = invitation_of(people.organization, OLD)
    ann = create_user(OLD, "correct horse battery", first_name="Ann", last_name="Li")
    _join(people.organization, ann)
    invitation.accepted_by, invitation.accepted_at = ann, now()
    invitation.save(update_fields=["accepted_by", "accepted_at"])
    ann.email = "ann@example.com"
    ann.save(update_fields=["email"])
    return ann


def _kept_apart(value: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM audit.pii WHERE value #>> '{}' = %s)", [value])
        return bool(cursor.fetchone()[0])


def test_aud_9_a_former_address_is_forgotten_like_the_last_one(people: People, moved: User) -> None:
    _tell(people.organization, [f"{OLD} has joined.", "Somebody has joined."])
    erase_user(moved, reason="asked")
    assert sorted(_told(people.organization)) == _thrice(["Somebody has joined."])
    assert not Invitation.objects.filter(email=OLD).exists()
    assert not _kept_apart(OLD)


def test_a_former_address_that_is_another_persons_by_now_stays_theirs(
    people: People, moved: User
) -> None:
    other = create_user(OLD.title(), "correct horse battery")
    _join(people.organization, other)
    _tell(people.organization, [f"{OLD} has joined."])
    erase_user(moved, reason="asked")
    assert len(_told(people.organization)) == 3
    assert not Invitation.objects.filter(accepted_by=moved).exists()
    assert _kept_apart(other.email)


def test_organizations_that_were_left_long_before_are_searched_too(
    people: People, ann: User
) -> None:
    """A closed account is erased after thirty days, when its memberships are gone."""
    _tell(people.organization, NAMING)
    with context.acting(organization_id=people.organization.pk):
        leave(Membership.objects.get(user=ann))
    close_account(ann)
    erase_user(ann, reason="closed 30 days ago")
    assert _told(people.organization) == []
