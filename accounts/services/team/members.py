"""Members: their role, their leaving, the hand-over of ownership."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from accounts import events
from accounts.models import Membership, Organization
from accounts.rules.team import (
    LastOwner,
    TransferToYourself,
    require_owner_for,
    require_typed,
)
from accounts.services import audit
from config.kit.errors import NotFound

OWNER = Membership.Role.OWNER
NOTED_EVERY = timedelta(minutes=5)


@transaction.atomic
def change_role(membership: Membership, *, role: str, manages_owners: bool) -> Membership:
    """Give a member another role; `manages_owners` says whether the caller may touch owners."""
    membership = _lock(membership)
    before = membership.role
    if before == role:
        return membership
    require_owner_for(before, role, manages_owners=manages_owners)
    if before == OWNER:
        _require_another_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _announce_change(membership, before)
    return membership


@transaction.atomic
def remove_member(membership: Membership, *, manages_owners: bool) -> None:
    """Let a member go. What they hold for the organization opens nothing from the next request."""
    membership = _lock(membership)
    require_owner_for(membership.role, manages_owners=manages_owners)
    _end(membership, "member.removed")


@transaction.atomic
def leave(membership: Membership) -> None:
    """Go of one's own will; the last owner cannot."""
    _end(_lock(membership), "member.left")


@transaction.atomic
def transfer_ownership(membership: Membership, *, to: Membership, confirm: str) -> Membership:
    """Make `to` an owner and the owner `membership` an admin; `confirm` is the name as typed."""
    require_typed(confirm, membership.organization.name)
    if to.pk == membership.pk:
        raise TransferToYourself
    giver = _lock(membership)
    require_owner_for(OWNER, manages_owners=giver.role == OWNER)
    heir = _lock(to)
    if heir.organization_id != giver.organization_id:
        raise NotFound
    for each, role in ((heir, OWNER), (giver, Membership.Role.ADMIN)):
        before, each.role = each.role, role
        if before != role:
            each.save(update_fields=["role"])
            _announce_change(each, before)
    audit.record("organization.ownership_transferred", heir, to=str(heir.user_id))
    return heir


def note_active(membership: Membership, *, at: datetime) -> None:
    """Write down that a member acts for the organization, at most every five minutes."""
    if at - membership.last_active_at >= NOTED_EVERY:
        Membership.objects.filter(pk=membership.pk).update(last_active_at=at)


def hide_first_steps(membership: Membership, *, at: datetime | None) -> None:
    """Hide the checklist from a member, or show it again with None."""
    Membership.objects.filter(pk=membership.pk).update(first_steps_hidden_at=at)


def _lock(membership: Membership) -> Membership:
    """Lock the organization, so that its members change one after the other, and read anew."""
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    rows = Membership.objects.for_organization(membership.organization_id).select_for_update()
    found: Membership | None = rows.filter(pk=membership.pk).first()
    if found is None:
        raise NotFound
    return found


def _require_another_owner(membership: Membership) -> None:
    owners = Membership.objects.for_organization(membership.organization_id).filter(role=OWNER)
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwner


def _end(membership: Membership, action: str) -> None:
    if membership.role == OWNER:
        _require_another_owner(membership)
    audit.record(action, membership, user=str(membership.user_id), role=membership.role)
    events.member_removed.send(Membership, membership=membership)
    membership.delete()


def _announce_change(membership: Membership, before: str) -> None:
    audit.record("member.role_changed", membership, before=before, after=membership.role)
    events.member_role_changed.send(Membership, membership=membership, before=before)
