"""Closing an organization or one's own account: asked of every storey first, then at once.

Closing ends all that opens anything: invitations and API keys are revoked, webhook endpoints
disabled, trials cancelled, licenses expired; money owed or a running subscription vetoes it.
Restoring brings back members, data and the licenses that only the closing ended. What is a
credential stays ended, and nothing is sent to others by itself again: members make new keys and
invitations, and enable the endpoints they still want. A trial is not given twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import (
    ApiKey,
    Invitation,
    Membership,
    Organization,
    User,
    WebhookEndpoint,
)
from accounts.rules.standing import Standing
from accounts.rules.team import require_typed
from accounts.services import audit, keys
from accounts.services.sessions import end_sessions
from accounts.services.team.members import OWNER, leave
from accounts.services.webhooks.endpoints import disable_endpoint
from config.kit import context
from config.kit.errors import Conflict


class SoleOwner(Conflict):
    code = "sole_owner"
    message = "You are the only owner of an organization that has other members."


class StaffStays(Conflict):
    code = "staff_stays"
    message = (
        "You are a member of staff, and closing is for good. Ask an administrator to make you a "
        "customer first."
    )


@dataclass(frozen=True, slots=True)
class Farewell:
    """What becomes of a person's organizations when their account closes."""

    closes: list[Membership]
    leaves: list[Membership]
    blocks: list[Membership]


@transaction.atomic
def close_organization(organization: Organization, *, confirm: str) -> Organization:
    """Close it after its name was typed. Any storey may veto, for example over money owed."""
    require_typed(confirm, organization.name)
    return _close(organization)


@transaction.atomic
def restore_organization(organization: Organization, *, reason: str) -> Organization:
    """Let the members of a closed organization in again: what staff do, with a reason.

    Licenses that only the closing ended work again; see the module for what stays ended.
    """
    organization = Organization.objects.select_for_update().get(pk=organization.pk)
    if not organization.is_closed:
        return organization
    organization.status = Standing.ACTIVE.value
    organization.save(update_fields=["status"])
    audit.record(
        "organization.restored", organization, organization_id=organization.pk, reason=reason
    )
    with context.acting(organization_id=organization.pk):
        events.organization_restored.send(Organization, organization=organization)
    events.organization_standing_changed.send(Organization, organization=organization)
    return organization


def farewell_of(user: User) -> Farewell:
    """Sort the person's memberships by what closing the account would do to each."""
    found = Farewell([], [], [])
    rows = Membership.objects.filter(user=user).exclude(
        organization__status=Organization.Status.CLOSED
    )
    for membership in rows.select_related("organization"):
        with context.acting(organization_id=membership.organization_id):
            others = Membership.objects.for_organization(membership.organization_id).exclude(
                pk=membership.pk
            )
            roles = set(others.values_list("role", flat=True))
        if not roles:
            found.closes.append(membership)
        elif membership.role == OWNER and OWNER not in roles:
            found.blocks.append(membership)
        else:
            found.leaves.append(membership)
    return found


@transaction.atomic
def close_account(user: User) -> User:
    """Close a person's own account for good.

    Organizations without another member close along, the others are left. Raises `StaffStays`,
    `SoleOwner`, or what a storey says against it; then nothing has changed.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.status == User.Status.CLOSED:
        return user
    if user.has_staff_role:
        raise StaffStays
    _lock_organizations_of(user)
    farewell = farewell_of(user)
    if farewell.blocks:
        names = ", ".join(each.organization.name for each in farewell.blocks)
        raise SoleOwner(f"{SoleOwner.message} Hand over first: {names}.")
    events.user_closing.send(User, user=user)
    for membership in farewell.closes:
        with context.acting(organization_id=membership.organization_id):
            _close(membership.organization)
    for membership in farewell.leaves:
        with context.acting(organization_id=membership.organization_id):
            leave(membership)
    user.status = User.Status.CLOSED.value
    user.set_unusable_password()
    user.save(update_fields=["status", "password"])
    audit.record("user.closed", user)
    events.credentials_changed.send(User, user=user, keep=None)
    end_sessions(user)
    return user


def _lock_organizations_of(user: User) -> None:
    """Wait for who joins or leaves them just now: as they are sorted then, so they stay."""
    held = Membership.objects.filter(user=user).exclude(
        organization__status=Organization.Status.CLOSED
    )
    for key in held.order_by("organization_id").values_list("organization_id", flat=True):
        with context.acting(organization_id=key):
            Organization.objects.select_for_update().get(pk=key)


def _close(organization: Organization) -> Organization:
    """Close under the lock that orders and new members take too: they wait, and find it closed."""
    organization = Organization.objects.select_for_update().get(pk=organization.pk)
    if organization.is_closed:
        return organization
    events.organization_closing.send(Organization, organization=organization)
    waiting = Invitation.objects.for_organization(organization).unanswered()
    waiting.update(revoked_at=now(), mail_due_at=None)
    _end_credentials(organization)
    organization.status = Standing.CLOSED.value
    organization.save(update_fields=["status"])
    audit.record("organization.closed", organization, organization_id=organization.pk)
    events.organization_standing_changed.send(Organization, organization=organization)
    return organization


def _end_credentials(organization: Organization) -> None:
    """Revoke every API key, then call nobody any more."""
    keys.revoke_keys(ApiKey.objects.for_organization(organization), reason="organization_closed")
    called = WebhookEndpoint.objects.for_organization(organization)
    for endpoint in called.filter(status=WebhookEndpoint.Status.ENABLED).order_by("pk"):
        disable_endpoint(endpoint, reason="The organization was closed.")
