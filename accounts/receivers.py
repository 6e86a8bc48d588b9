"""What happens next on the ground floor: allauth's announcements become audit events."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import (
    email_confirmed,
    password_changed,
    password_reset,
    user_logged_in,
    user_logged_out,
)
from allauth.mfa.signals import authenticator_added, authenticator_removed
from constance.signals import config_updated
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver

from accounts.models import User
from accounts.services import audit, live, sign_in


@receiver(user_logged_in)
def _logged_in(request: Any, user: User, **_: Any) -> None:
    sign_in.note_login(user)


@receiver(user_logged_out)
def _logged_out(request: Any, user: User | None, **_: Any) -> None:
    if user is not None:
        audit.record("user.logged_out", user)


@receiver(user_login_failed)
def _login_failed(**_: Any) -> None:
    sign_in.note_failure()


@receiver(email_confirmed)
def _email_confirmed(email_address: Any, **_: Any) -> None:
    audit.record("user.email_confirmed", email_address.user)


@receiver([password_changed, password_reset])
def _password_changed(user: User, **_: Any) -> None:
    audit.record("user.password_changed", user)


@receiver(authenticator_added)
def _authenticator_added(user: User, authenticator: Any, **_: Any) -> None:
    audit.record("user.second_factor_added", user, kind=authenticator.type)


@receiver(authenticator_removed)
def _authenticator_removed(user: User, authenticator: Any, **_: Any) -> None:
    audit.record("user.second_factor_removed", user, kind=authenticator.type)


@receiver(config_updated)
def _settings_changed(**_: Any) -> None:
    live.forget()
