"""Second factors: which kinds count, who has one, and letting in who lost theirs."""

from __future__ import annotations

import time

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts import events
from accounts.models import User
from accounts.services import audit
from accounts.services.sessions import end_sessions
from config.kit import context
from config.kit.errors import Conflict

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes are not among them: they replace a factor, they are none."""

TYPED = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
"""What a person proves with a code."""


class NotYourOwnFactor(Conflict):
    code = "not_your_own_factor"
    message = "You cannot reset your own second factor. Change it under your account."


class StaffKeepTheirFactor(Conflict):
    code = "staff_keep_their_factor"
    message = "Make them a customer first: staff are never let in by a password alone."


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists()


def enrolled(user: str = "pk") -> Exists:
    """Return a condition for a QuerySet whose column `user` names the person."""
    return Exists(Authenticator.objects.filter(user=OuterRef(user), type__in=SECOND_FACTORS))


@transaction.atomic
def use_code(user: User, code: str) -> Authenticator | None:
    """Use up a code of the app or a recovery code; None when it is wrong or was used before.

    The person's rows are locked, so of any number of uses at once one succeeds. Nothing rests on
    the cache: it forgets, and every process has its own while Redis is away.
    """
    typed = Authenticator.objects.filter(user=user, type__in=TYPED).order_by("pk")
    for authenticator in typed.select_for_update():
        if _is_spent(authenticator) or not authenticator.wrap().validate_code(code):
            continue
        authenticator.record_usage()
        return authenticator  # type: ignore[no-any-return]
    return None


def _is_spent(authenticator: Authenticator) -> bool:
    """Whether the app was used in this half minute: it has one code in each."""
    if authenticator.type != Authenticator.Type.TOTP or authenticator.last_used_at is None:
        return False
    period = app_settings.TOTP_PERIOD
    return bool(authenticator.last_used_at.timestamp() // period >= time.time() // period)


def spend_current_code(authenticator: Authenticator) -> None:
    """Take the code that an app shows now as used: it has just turned the app on."""
    authenticator.record_usage()


@transaction.atomic
def reset_second_factor(user: User, *, reason: str) -> int:
    """Remove all factors and recovery codes of a customer who lost them; return how many.

    Their password alone opens the account afterwards, so whoever is signed in is signed out, and
    they are told by mail. Who asks has made sure before that it is them.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    here = context.current()
    if here is not None and here.actor_id == str(user.pk):
        raise NotYourOwnFactor
    if user.has_staff_role:
        raise StaffKeepTheirFactor
    removed = Authenticator.objects.filter(user=user)
    kinds = sorted(removed.values_list("type", flat=True))
    if not kinds:
        return 0
    removed.delete()
    ended = end_sessions(user)
    audit.record("user.second_factor_reset", user, reason=reason, kinds=kinds, sessions_ended=ended)
    events.credentials_changed.send(User, user=user, keep=None)
    events.second_factor_reset.send(User, user=user)
    return len(kinds)
