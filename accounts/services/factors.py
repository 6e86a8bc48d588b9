"""Second factors: which kinds count, and who has one."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.db.models import Exists, OuterRef

from accounts.models import User

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes are not among them: they replace a factor, they are none."""


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists()


def enrolled(user: str = "pk") -> Exists:
    """Return a condition for a QuerySet whose column `user` names the person."""
    return Exists(Authenticator.objects.filter(user=OuterRef(user), type__in=SECOND_FACTORS))


def spend_current_code(authenticator: Authenticator) -> None:
    """Take the code that an app shows now as used: it has just turned the app on."""
    app = TOTP(authenticator)
    secret = decrypt(authenticator.data["secret"])
    for counter in yield_hotp_counters_from_time():
        app._mark_code_used(format_hotp_value(hotp_value(secret, counter)))
