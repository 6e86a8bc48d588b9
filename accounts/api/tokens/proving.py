"""Proving who one is at the API's door, with the web door's own counters and the same effort."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from allauth.account.adapter import get_adapter
from allauth.account.utils import has_verified_email
from allauth.core.internal import ratelimit
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_used
from django.core.exceptions import ValidationError

from accounts.gateways import ended
from accounts.models import User
from accounts.rules.sessions import (
    ChallengeUnknown,
    LoginRefused,
    SecondFactorRefused,
    SecondFactorRequired,
)
from accounts.services import audit
from accounts.services.factors import TYPED, use_code
from accounts.services.tokens.callers import acting_as
from accounts.web.adapters import FAILED_LOGINS_FORGOTTEN
from config.kit.errors import RateLimited, Unavailable
from config.kit.ids import keyed_hash, random_token

CHALLENGE_SECONDS = 300
PURPOSE = "login-challenge"


def check_password(request: Any, *, email: str, password: str) -> User:
    """Return whose password this is.

    Raises `LoginRefused`, the same for an unknown address, a wrong password, an address nobody
    confirmed and an account that is suspended or closed: each costs one hash and one try.
    Raises `RateLimited` where the web door would.
    """
    credentials = {"email": email.strip().lower(), "password": password}
    adapter = get_adapter(request)
    user: Any = adapter.authenticate(request, **credentials)
    if user is None:
        raise LoginRefused
    if not user.is_active or not has_verified_email(user, credentials["email"]):
        # allauth gave the try back for a right password; that must not show.
        adapter.pre_authenticate(request, **credentials)
        adapter.authentication_failed(request, **credentials)
        raise LoginRefused
    found: User = user
    return found


def challenge(user: User, *, client_name: str) -> SecondFactorRequired:
    """Keep who has proved the password, and return what asks for the second factor."""
    secret = random_token()
    facts = {
        "user": str(user.pk),
        "version": str(user.token_version),
        "client_name": client_name,
    }
    with _needing_redis():
        ended.open_challenge(keyed_hash(PURPOSE, secret), facts, seconds=CHALLENGE_SECONDS)
    kinds = Authenticator.objects.filter(user=user).values_list("type", flat=True)
    methods = sorted(kind for kind in kinds if kind in TYPED)
    return SecondFactorRequired(challenge=secret, expires_in=CHALLENGE_SECONDS, methods=methods)


def answer_challenge(secret: str, code: str) -> tuple[User, str]:
    """Return the person and the client's name; the challenge is used up.

    Raises `ChallengeUnknown`, `SecondFactorRefused`, or `RateLimited` after five wrong codes.
    """
    key = keyed_hash(PURPOSE, secret)
    with _needing_redis():
        facts = ended.read_challenge(key)
    if facts is None:
        raise ChallengeUnknown
    user = User.objects.filter(pk=facts["user"]).first()
    if user is None or not user.is_active or str(user.token_version) != facts["version"]:
        raise ChallengeUnknown
    _check_code(user, code)
    with _needing_redis():
        if not ended.close_challenge(key):
            raise ChallengeUnknown
    return user, facts["client_name"]


def limit(request: Any, action: str, rate: str) -> None:
    """Refuse more than `rate` (such as 20/m/ip) of one thing."""
    if not ratelimit.consume(request, app="accounts", action=action, config={action: rate}):
        raise RateLimited(retry_after=60)


def _check_code(user: User, code: str) -> None:
    """Use up a code of the authenticator app or a recovery code, the same as the web door does."""
    try:
        forgive = check_rate_limit(user)
    except ValidationError as error:
        raise RateLimited(retry_after=FAILED_LOGINS_FORGOTTEN) from error
    authenticator = use_code(user, code)
    if authenticator is None:
        with acting_as(user):
            audit.record("user.second_factor_refused", user)
        raise SecondFactorRefused
    forgive()
    authenticator_used.send(
        sender=Authenticator,
        request=None,
        user=user,
        authenticator=authenticator,
        reauthenticated=False,
        passwordless=False,
    )


@contextmanager
def _needing_redis() -> Iterator[None]:
    """Without Redis a challenge can be neither kept nor used once: say so instead of failing."""
    try:
        yield
    except redis.RedisError as error:
        raise Unavailable from error
