"""Staff look at the customer site as one of its people: for a reason, for 30 minutes, read only.

Begun in the back office, which hands over a signed token; the site takes it once, within a minute.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.core import signing
from django.db import transaction

from accounts.models import Impersonation, Membership, User
from accounts.services import audit
from config.kit import context
from config.kit.errors import Conflict, Forbidden

PERMISSION = "accounts.impersonate_user"
SPAN = timedelta(minutes=30)
TAKEN_WITHIN = timedelta(seconds=60)
_SALT = "switchyard.impersonation"


class NotToBeSeen(Forbidden):
    code = "not_to_be_seen"
    message = "Only active customers are looked at, never members of staff."


class HandoverOver(Conflict):
    code = "handover_over"
    status: ClassVar[int] = 410
    message = "This link was used already or is older than a minute. Ask for it again."


class ReadOnlyLook(Forbidden):
    code = "read_only_look"
    message = "You are looking as a customer: nothing can be changed and no secret is shown."


@transaction.atomic
def ask_to_look(staff: User, user: User, *, reason: str) -> str:
    """Write down who will look at whom and why; return the token for the customer site."""
    if not staff.has_perm(PERMISSION):
        raise Forbidden
    _refuse_unseen(user)
    look = Impersonation.objects.create(staff=staff, user=user, reason=reason)
    audit.record("impersonation.asked", look, reason=reason, user_id=str(user.pk))
    return signing.dumps(str(look.pk), salt=_SALT)


def read_token(token: str) -> UUID:
    """Return which look a token stands for; raises `HandoverOver` for a false or old one."""
    try:
        return UUID(signing.loads(token, salt=_SALT, max_age=TAKEN_WITHIN))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise HandoverOver from error


@transaction.atomic
def begin_look(key: UUID, *, at: datetime) -> Impersonation:
    """Begin it, once: of many who send the same token the first is let in."""
    found = Impersonation.objects.select_related("staff", "user")
    look = found.select_for_update(of=("self",), no_key=True).filter(pk=key).first()
    if look is None or look.started_at is not None or look.ended_at is not None:
        raise HandoverOver
    if not look.staff.has_perm(PERMISSION):
        raise Forbidden
    _refuse_unseen(look.user)
    look.started_at, look.expires_at = at, at + SPAN
    look.save(update_fields=["started_at", "expires_at"])
    _tell(look, "impersonation.started")
    return look


def live_look(key: str, *, at: datetime) -> Impersonation | None:
    """Return a look that goes on; None once it is over or either side may not be part of it."""
    look = Impersonation.objects.select_related("staff", "user").filter(pk=key).first()
    if look is None or not look.is_live(at) or not look.staff.has_perm(PERMISSION):
        return None
    try:
        _refuse_unseen(look.user)
    except NotToBeSeen:
        return None
    return look


@transaction.atomic
def end_look(look: Impersonation, *, at: datetime) -> None:
    ended = Impersonation.objects.filter(pk=look.pk, ended_at=None).update(ended_at=at)
    if ended:
        _tell(look, "impersonation.ended")


def end_looks_of(staff: User, *, at: datetime) -> None:
    """Whoever leaves the back office looks no more."""
    recent = Impersonation.objects.filter(created_at__gt=at - 2 * SPAN)
    for look in recent.filter(staff=staff, ended_at=None).select_related("user"):
        end_look(look, at=at)


def _refuse_unseen(user: User) -> None:
    if not user.is_active or user.has_staff_role:
        raise NotToBeSeen


def _tell(look: Impersonation, action: str) -> None:
    """Write it where the person reads it: in the log of each organization they act for.

    Without an organization it stands in the trail of the account.
    """
    staff = str(look.staff_id)
    with context.acting(
        actor_kind="user", actor_id=staff, impersonator_id=staff, user_id=look.user_id
    ):
        owners = Membership.objects.filter(user_id=look.user_id).values_list(
            "organization_id", flat=True
        )
        for owner in list(owners) or [None]:
            audit.record(action, look.user, organization_id=owner, reason=look.reason)
