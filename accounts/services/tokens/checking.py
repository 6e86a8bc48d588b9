"""Whether an access token still opens the door: asked at every call of the API."""

from __future__ import annotations

import redis
from django.utils.timezone import now

from accounts.gateways import ended
from accounts.models import RefreshToken, User
from accounts.rules.sessions import AccessTokenRefused, SessionsUnknown
from accounts.services.tokens.callers import acting_as
from accounts.services.tokens.coding import AccessToken


def person_of(token: AccessToken) -> User:
    """Return the person a valid token belongs to; raises `AccessTokenRefused` when it was ended.

    The person's row is read for every call, so a suspension or a new `token_version` counts at
    once and needs no cache. Single tokens and sessions are looked up in Redis. While Redis is
    away the database says which sessions live, and staff are refused (`SessionsUnknown`).
    """
    user = User.objects.filter(pk=token.user_id).first()
    if user is None or not user.is_active or user.token_version != token.token_version:
        raise AccessTokenRefused
    if _is_ended(token, user):
        raise AccessTokenRefused
    return user


def _is_ended(token: AccessToken, user: User) -> bool:
    try:
        return ended.is_ended(token.jti, token.session)
    except redis.RedisError as error:
        if user.is_staff:
            raise SessionsUnknown from error
    with acting_as(user):
        living = RefreshToken.objects.of_user(user).heads(now())
        return not living.filter(family=token.session).exists()
