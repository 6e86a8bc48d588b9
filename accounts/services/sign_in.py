"""Logins leave a trace, successful or not."""

from __future__ import annotations

import orjson
from django.db import connection, transaction

from accounts import events
from accounts.models import User
from accounts.services import audit
from accounts.services.sessions import end_sessions
from accounts.services.tokens.callers import locked
from config.kit import context
from config.kit.errors import Conflict


class SignedOutMeanwhile(Conflict):
    code = "signed_out_meanwhile"
    message = "You were signed out everywhere meanwhile. Sign in and start again."


def note_login(user: User) -> None:
    """Record a login; from here on the request acts as this person."""
    here = context.current()
    if here is not None and here.actor_id is None:
        here.actor_kind, here.actor_id = "user", str(user.pk)
    audit.record("user.logged_in", user)


def note_failure() -> None:
    """Record a failed login. The address typed is not kept: it may be a mistyped password."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit.event(%s, %s, NULL, NULL, %s::jsonb)",
            ["user.login_failed", User._meta.db_table, orjson.dumps({}).decode()],
        )


def note_guessing(user: User) -> None:
    """Record that somebody keeps guessing the person's password."""
    audit.record("user.guessing_noticed", user)


@transaction.atomic
def set_password(user: User, password: str) -> None:
    """Write the new password and nothing else: what staff have changed since `user` was read stays.

    Raises `SignedOutMeanwhile` when the person was locked out, or all their sessions were ended,
    since then: what they proved does not count any more.
    """
    user.set_password(password)
    current = locked(user)
    if not current.is_active or current.token_version != user.token_version:
        raise SignedOutMeanwhile
    user.save(update_fields=["password"])


@transaction.atomic
def note_new_password(user: User, *, keep: str | None) -> None:
    """A new password ends whatever the old one opened, except the session with the key `keep`."""
    end_sessions(user, keep=keep)
    audit.record("user.password_changed", user)
    events.credentials_changed.send(User, user=user, keep=keep)
