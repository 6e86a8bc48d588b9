"""Ending API sessions: one, or everything that lets a person in by the API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from accounts.gateways import ended
from accounts.models import DeviceAuthorization, RefreshToken, User
from accounts.services import audit
from accounts.services.tokens.callers import acting_as, locked
from accounts.services.tokens.coding import AccessToken

logger = structlog.get_logger(__name__)


@transaction.atomic
def end_session(user: User, session: UUID, *, at: datetime) -> bool:
    """End one of the person's API sessions at once; False when there is none to end."""
    revoked = revoke_family(user, session, at=at)
    if revoked:
        audit.record("user.api_session_ended", user, session=session)
    return revoked


@transaction.atomic
def log_out(user: User, token: AccessToken, *, at: datetime) -> None:
    """End the session that this access token belongs to, and the token itself."""
    end_session(user, token.session, at=at)
    try:
        ended.end_token(token.jti, seconds=int((token.expires_at - at).total_seconds()) + 1)
    except redis.RedisError:
        _outdate(user)


@transaction.atomic
def revoke_everything(user: User) -> int:
    """End all API sessions of the person, and all that could begin one; return how many ended.

    Called when their password changes and when they are suspended or closed.
    """
    _outdate(user)  # and locks the person, as `callers.locked` does
    with acting_as(user):
        living = RefreshToken.objects.of_user(user).filter(revoked_at=None)
        families = set(living.values_list("family", flat=True))
        living.update(revoked_at=now())
        waiting = DeviceAuthorization.objects.filter(user=user, used_at=None)
        waiting.exclude(approved_at=None).update(approved_at=None, denied_at=now())
    if families:
        audit.record("user.api_sessions_ended", user, count=len(families))
    return len(families)


def revoke_family(user: User, session: UUID, *, at: datetime) -> bool:
    """Revoke all refresh tokens of a session and refuse its access tokens from now on."""
    locked(user)
    with acting_as(user):
        tokens = RefreshToken.objects.of_user(user).filter(family=session, revoked_at=None)
        revoked = tokens.update(revoked_at=at)
    if revoked:
        _refuse_access(user, [session])
    return bool(revoked)


def _refuse_access(user: User, sessions: Iterable[UUID]) -> None:
    try:
        ended.end_sessions(list(sessions), seconds=settings.ACCESS_TOKEN_SECONDS)
    except redis.RedisError:
        logger.warning("api_session.blacklist_away", user_id=str(user.pk))
        _outdate(user)


def _outdate(user: User) -> None:
    """Refuse every access token of the person: clients of living sessions refresh and go on."""
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
