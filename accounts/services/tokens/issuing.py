"""API sessions: begun by a login, a hand-over or a device code; carried on by refresh tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import events
from accounts.models import RefreshToken, User
from accounts.models.refresh_token import FAMILY_ENDS, UNUSED_ENDS
from accounts.rules.sessions import LoginRefused, RefreshTokenRefused
from accounts.services import announcements, audit
from accounts.services.tokens.callers import acting_as, caller, locked, owner_of
from accounts.services.tokens.coding import write_access_token
from accounts.services.tokens.ending import revoke_family
from config.kit import context
from config.kit.ids import keyed_hash, random_token, uuid7

PREFIX = "swrt_"
PURPOSE = "refresh-token"
GRACE = timedelta(seconds=10)
"""A client whose answer was lost may ask again this long and gets the same successor."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Both halves of an API session as its client gets them; shown once."""

    access_token: str
    refresh_token: str
    expires_in: int
    session: UUID
    session_ends_at: datetime


@transaction.atomic
def begin_session(
    user: User, *, origin: str, client_name: str, at: datetime, session: UUID | None = None
) -> Issued:
    """Start an API session of the person, named by its client.

    Raises `LoginRefused` when all their sessions were ended since `user` was read: what was proved
    then, a password or a code, opens nothing any more.
    """
    with acting_as(user):
        # The first statement locks the person, as `callers.locked` does.
        unchanged = User.objects.filter(pk=user.pk, token_version=user.token_version)
        if not unchanged.update(last_login=at):
            raise LoginRefused
        announcements.signed_in(user)
        secret = PREFIX + random_token()
        token = RefreshToken.objects.create(
            user=user,
            family=session or uuid7(),
            token_hash=keyed_hash(PURPOSE, secret),
            origin=origin,
            client_name=client_name,
            began_at=at,
            expires_at=at + UNUSED_ENDS,
            **caller(),
        )
        audit.record("user.api_session_began", user, session=token.family, origin=origin)
        return _issued(user, token, secret, at)


def refresh_session(secret: str, *, at: datetime) -> Issued:
    """Use a refresh token up and return its successor.

    Raises `RefreshTokenRefused`. A token presented twice was stolen, from us or from the client:
    its whole session ends, the person is told, and that stays although this is refused. The one
    exception is the same client at the same address within `GRACE`, whose answer was lost.
    """
    token_hash = keyed_hash(PURPOSE, secret)
    owner = owner_of("refresh_token", token_hash)
    if owner is None:
        raise RefreshTokenRefused
    with context.acting(user_id=owner, actor_kind="user", actor_id=str(owner)):
        issued = _rotate(owner, secret, token_hash, at)
    if issued is None:
        raise RefreshTokenRefused
    return issued


@transaction.atomic
def _rotate(owner: UUID, secret: str, token_hash: str, at: datetime) -> Issued | None:
    user = locked(owner)
    living = RefreshToken.objects.filter(
        token_hash=token_hash, used_at=None, revoked_at=None, expires_at__gt=at
    )
    used = living.update(used_at=at)
    token = user.refresh_tokens.get(token_hash=token_hash)
    if not user.is_active:
        return None
    if used:
        successor = _succeed(token, secret, at)
        return _issued(user, successor, _successor_of(secret), at)
    if token.used_at is None or token.revoked_at is not None:
        return None
    return _repeat(token, secret, at)


def _succeed(token: RefreshToken, secret: str, at: datetime) -> RefreshToken:
    return RefreshToken.objects.create(
        user=token.user,
        family=token.family,
        parent=token,
        token_hash=keyed_hash(PURPOSE, _successor_of(secret)),
        origin=token.origin,
        client_name=token.client_name,
        began_at=token.began_at,
        expires_at=min(at + UNUSED_ENDS, token.began_at + FAMILY_ENDS),
        **caller(),
    )


def _repeat(token: RefreshToken, secret: str, at: datetime) -> Issued | None:
    """Answer the second use of a token: the same successor, or the end of the session."""
    successor = RefreshToken.objects.filter(parent=token, used_at=None, revoked_at=None).first()
    now_asking = caller()
    if (
        successor is not None
        and token.used_at is not None
        and at - token.used_at <= GRACE
        and (successor.ip, successor.user_agent) == (now_asking["ip"], now_asking["user_agent"])
    ):
        return _issued(token.user, successor, _successor_of(secret), at)
    if revoke_family(token.user, token.family, at=at):
        audit.record("user.refresh_token_reused", token.user, session=token.family)
        events.api_session_stolen.send(RefreshToken, user=token.user, client_name=token.client_name)
    return None


def _successor_of(secret: str) -> str:
    """Return the token that follows: made from the old one and a key that only we have.

    So the same answer can be given again without keeping it, and an old token alone leads nowhere.
    """
    return PREFIX + keyed_hash("refresh-successor", secret)


def _issued(user: User, token: RefreshToken, secret: str, at: datetime) -> Issued:
    return Issued(
        access_token=write_access_token(user, session=token.family, at=at),
        refresh_token=secret,
        expires_in=settings.ACCESS_TOKEN_SECONDS,
        session=token.family,
        session_ends_at=token.ends_at,
    )
