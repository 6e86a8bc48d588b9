"""Accepting: who comes with a link, or finds an invitation waiting after signing in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import connection, transaction

from accounts import events
from accounts.models import Invitation, Membership, Organization, User
from accounts.rules import team as rules
from accounts.services import audit
from config.kit import context
from config.kit.errors import NotFound
from config.kit.ids import keyed_hash

PURPOSE = "invitation"
"""The purpose under which tokens are hashed."""
_TOKEN_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation as its guest may see it, from outside of the organization."""

    id: UUID
    organization_id: UUID
    organization_name: str
    organization_status: str
    email: str
    role: str
    invited_by: str
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None

    @property
    def role_label(self) -> str:
        return str(Membership.Role(self.role).label)

    def is_open(self, at: datetime) -> bool:
        return not (self.accepted_at or self.revoked_at) and self.expires_at > at


def find_by_token(token: str) -> Invited:
    """Return the invitation behind a link. Raises `NotFound`, also for a closed organization."""
    if len(token) > _TOKEN_LONGEST:
        raise NotFound
    found = _ask("accounts_find_invitation", keyed_hash(PURPOSE, token))
    if not found or found[0].organization_status == Organization.Status.CLOSED:
        raise NotFound
    return found[0]


def waiting_for(user: User, at: datetime) -> list[Invited]:
    """Return the open invitations for the person's confirmed addresses, newest first."""
    return [each for each in _ask("accounts_invitations_of", user.pk) if each.is_open(at)]


def find_waiting(user: User, invitation_id: UUID, at: datetime) -> Invited:
    for each in waiting_for(user, at):
        if each.id == invitation_id:
            return each
    raise NotFound


def owns_address(user: User, email: str) -> bool:
    return EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists()


def accept(invited: Invited, *, user: User, at: datetime) -> Membership:
    """Make the guest a member, once. Repeating it while they are one answers the same.

    Raises `OtherAddress`, `InvitationOver` or `InvitationExpired`.
    """
    if not owns_address(user, invited.email):
        raise rules.OtherAddress
    acts: dict[str, Any] = {"actor_kind": "user", "actor_id": str(user.pk), "user_id": user.pk}
    with context.acting(organization_id=invited.organization_id, **acts):
        return _accept(invited, user, at)


@transaction.atomic
def _accept(invited: Invited, user: User, at: datetime) -> Membership:
    organization = Organization.objects.select_for_update(no_key=True).get(
        pk=invited.organization_id
    )
    invitation = Invitation.objects.select_for_update().get(pk=invited.id)
    members = Membership.objects.for_organization(organization)
    membership: Membership | None = members.filter(user=user).first()
    if invitation.accepted_by_id == user.pk and membership is not None:
        return membership
    _require_open(invitation, organization, at)
    joins = membership is None
    if membership is None:
        membership = members.create(organization=organization, user=user, role=invitation.role)
    invitation.accepted_at, invitation.accepted_by = at, user
    invitation.mail_due_at = None
    invitation.save(update_fields=["accepted_at", "accepted_by", "mail_due_at"])
    audit.record("invitation.accepted", invitation, role=membership.role)
    if joins:
        events.member_joined.send(Membership, membership=membership)
    return membership


def _require_open(invitation: Invitation, organization: Organization, at: datetime) -> None:
    if not organization.is_active or invitation.accepted_at or invitation.revoked_at:
        raise rules.InvitationOver
    if invitation.expires_at <= at:
        raise rules.InvitationExpired


def _ask(function: str, argument: Any) -> list[Invited]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}(%s)", [argument])  # noqa: S608
        return [Invited(*row) for row in cursor.fetchall()]
