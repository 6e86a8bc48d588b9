"""Organizations: made at sign-up, described at the welcome page."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import events
from accounts.models import Membership, Organization, User
from config.kit import context
from config.kit.errors import Conflict, LimitReached
from config.kit.ids import uuid7

MOST_FOUNDED = 20
"""Organizations that one person may have founded and not closed."""


class OrganizationClosed(Conflict):
    code = "organization_closed"
    message = "This organization is closed."


class TooManyOrganizations(LimitReached):
    code = "too_many_organizations"
    message = f"You have founded {MOST_FOUNDED} organizations. Close one that you do not need."


@transaction.atomic
def create_organization(
    *, name: str, owner: User, country: str = "", is_personal: bool = False
) -> Organization:
    """Create an organization with its first owner."""
    # The row's own id must be the current organization, or the wall refuses the insert.
    key = uuid7()
    with context.acting(organization_id=key):
        organization = Organization.objects.create(
            id=key, name=name, country=country, is_personal=is_personal, created_by=owner
        )
        Membership.objects.create(organization=organization, user=owner, role=Membership.Role.OWNER)
        events.organization_created.send(Organization, organization=organization)
    return organization


@transaction.atomic
def found_organization(*, name: str, owner: User, country: str, at: datetime) -> Organization:
    """Create one more organization for a person who asked for it; it needs no welcome page."""
    owner = User.objects.select_for_update().get(pk=owner.pk)
    # A person sees the organizations they belong to; those left to others do not count.
    founded = Organization.objects.of_user(owner).not_closed().filter(created_by=owner)
    if founded.count() >= MOST_FOUNDED:
        raise TooManyOrganizations
    organization = create_organization(name=name, owner=owner, country=country)
    with context.acting(organization_id=organization.pk):
        return describe_organization(organization, name=name, country=country, at=at)


def lock_open(organization_id: UUID) -> Organization:
    """Lock the organization that something is made for; raises `OrganizationClosed`.

    Closing waits for this lock, and so ends what was made under it as well.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
    if organization.is_closed:
        raise OrganizationClosed
    return organization


@transaction.atomic
def add_member(organization: Organization, *, user: User, role: str) -> Membership:
    """Let `user` act for the organization; one who is a member already keeps their role."""
    membership, _ = Membership.objects.get_or_create(
        organization=organization, user=user, defaults={"role": role}
    )
    return membership


@transaction.atomic
def describe_organization(
    organization: Organization, *, name: str, country: str, at: datetime
) -> Organization:
    """Store what the welcome page asked for; it is not shown again after `at`."""
    organization = Organization.objects.select_for_update().get(pk=organization.pk)
    organization.name = name or organization.name
    organization.country = country
    organization.welcomed_at = organization.welcomed_at or at
    organization.save(update_fields=["name", "country", "welcomed_at"])
    return organization
