"""Suspending and reinstating people and customers: what staff do, with a reason."""

from __future__ import annotations

from django.db import transaction

from accounts import events
from accounts.models import Organization, User
from accounts.rules.standing import Standing, may_move
from accounts.services import audit
from accounts.services.platform_roles import OperatorsAccount, locked_with_actor
from accounts.services.sessions import end_sessions
from config.kit.errors import Conflict, Forbidden


class NotYourself(Conflict):
    code = "not_yourself"
    message = "You cannot suspend yourself."


class ForGood(Conflict):
    code = "closed_for_good"
    message = "A closed account stays closed."


@transaction.atomic
def suspend_user(user: User, *, reason: str) -> User:
    """Lock a person out at once: every session ends, the next login is refused.

    Of two administrators who suspend each other one is refused, so one remains.
    """
    actor, user = locked_with_actor(user)
    if actor == user:
        raise NotYourself
    _require_right(actor)
    if user.is_superuser:
        raise OperatorsAccount("This is the operator's own account; nobody suspends it.")
    if not _move(user, Standing.SUSPENDED):
        return user
    ended = end_sessions(user)
    audit.record("user.suspended", user, reason=reason, sessions_ended=ended)
    events.credentials_changed.send(User, user=user, keep=None)
    return user


@transaction.atomic
def reinstate_user(user: User, *, reason: str) -> User:
    actor, user = locked_with_actor(user)
    _require_right(actor)
    if _move(user, Standing.ACTIVE):
        audit.record("user.reinstated", user, reason=reason)
    return user


@transaction.atomic
def suspend_organization(organization: Organization, *, reason: str) -> Organization:
    """Stop a customer: its members may still look, and change nothing."""
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if _move(organization, Standing.SUSPENDED):
        audit.record(
            "organization.suspended", organization, organization_id=organization.pk, reason=reason
        )
        events.organization_standing_changed.send(Organization, organization=organization)
    return organization


@transaction.atomic
def reinstate_organization(organization: Organization, *, reason: str) -> Organization:
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if _move(organization, Standing.ACTIVE):
        audit.record(
            "organization.reinstated", organization, organization_id=organization.pk, reason=reason
        )
        events.organization_standing_changed.send(Organization, organization=organization)
    return organization


def _require_right(actor: User | None) -> None:
    """Ask again under the lock: whoever asks may have been suspended or demoted meanwhile."""
    if actor is not None and not actor.has_perm("accounts.suspend_user"):
        raise Forbidden


def _move(subject: User | Organization, to: Standing) -> bool:
    """Write the new standing; return False when it was that already."""
    if subject.status == to:
        return False
    if not may_move(subject.status, to):
        raise ForGood
    subject.status = to.value
    subject.save(update_fields=["status"])
    return True
