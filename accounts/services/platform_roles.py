"""What somebody is to the operator: customer, or staff of some kind. Only admins decide it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts import events
from accounts.models import User
from accounts.services import audit
from accounts.services.sessions import end_sessions
from config.kit import context
from config.kit.errors import Conflict, Forbidden


class NotYourOwnRole(Conflict):
    code = "not_your_own_role"
    message = "You cannot change your own role. Ask another administrator."


class OperatorsAccount(Conflict):
    code = "operators_account"
    message = "This is the operator's own account; its role is changed on the command line only."


@transaction.atomic
def change_platform_role(user: User, *, role: str, reason: str) -> User:
    """Give a person another role with the operator and end their sessions, old powers and new.

    The administrator who asks is locked along and read anew: of two who demote each other one
    is refused, so an administrator remains.
    """
    actor, user = locked_with_actor(user)
    if actor == user:
        raise NotYourOwnRole
    if actor is not None and not actor.has_perm("accounts.change_role"):
        raise Forbidden
    if user.is_superuser:
        raise OperatorsAccount
    if user.role == role:
        return user
    before, user.role = user.role, role
    user.save(update_fields=["role"])
    ended = end_sessions(user)
    events.credentials_changed.send(User, user=user, keep=None)
    audit.record(
        "user.role_changed", user, reason=reason, before=before, after=role, sessions_ended=ended
    )
    return user


def locked_with_actor(user: User) -> tuple[User | None, User]:
    """Lock whoever acts, if it is a person, along with `user`; return both as they are now."""
    here = context.current()
    actor_id = here.actor_id if here is not None and here.actor_kind == "user" else None
    keys: list[UUID | str] = [user.pk, *([actor_id] if actor_id else [])]
    locked = {
        str(each.pk): each
        for each in User.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    }
    return locked.get(actor_id or ""), locked[str(user.pk)]
