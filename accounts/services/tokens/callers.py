"""Who brings a secret: from where, and whose it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from accounts.models import User
from config.kit import context

_LOOK_UPS = {
    "refresh_token": "SELECT accounts_owner_of_refresh_token(%s)",
    "bridge_token": "SELECT accounts_owner_of_bridge_token(%s)",
    "device": "SELECT accounts_owner_of_device(%s)",
}


def caller() -> dict[str, Any]:
    """Return `ip` and `user_agent` of whoever asks."""
    here = context.current()
    return {"ip": here.ip if here else None, "user_agent": here.user_agent[:400] if here else ""}


def client_facts() -> dict[str, Any]:
    """The same as `caller`, named as the tables of hand-overs and reports name it."""
    found = caller()
    return {"client_ip": found["ip"], "user_agent": found["user_agent"]}


def owner_of(kind: Literal["refresh_token", "bridge_token", "device"], hashed: str) -> UUID | None:
    """Return whose secret this is; the only question that is asked in front of the wall."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK_UPS[kind], [hashed])
        row = cursor.fetchone()
    return row[0] if row else None


def locked(user: User | UUID) -> User:
    """Return the person as they are now, and let nobody else begin or end their sessions meanwhile.

    The first statement of whatever does: an end that did not wait would miss the token that a
    rotation has not committed yet.
    """
    key = user if isinstance(user, UUID) else user.pk
    return User.objects.select_for_update(no_key=True).get(pk=key)


def acting_as(user: User | UUID) -> AbstractContextManager[context.Context]:
    """Open the person's own rows for the block; whoever acts already stays the actor."""
    key = user if isinstance(user, UUID) else user.pk
    here = context.current()
    changes: dict[str, Any] = {"user_id": key}
    if here is None or here.actor_id is None:
        changes |= {"actor_kind": "user", "actor_id": str(key)}
    return context.acting(**changes)
