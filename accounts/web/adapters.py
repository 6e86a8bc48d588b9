"""How allauth meets our models: user names nobody typed, second factors sealed at rest."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import EmailAddress
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.forms import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Organization, User
from accounts.services import account_mail, sign_in
from accounts.services.addresses import is_known_by
from accounts.services.live import live
from accounts.services.users import found_personal_organization, username_for
from accounts.web.team import arrivals
from config.kit import context
from config.kit.errors import Forbidden, RateLimited
from config.kit.ids import seal, unseal

FAILED_LOGINS_FORGOTTEN = 300
"""Seconds until failed logins of one account from one address are forgotten (5 in 300 s)."""
NO_ADDRESS = "0.0.0.0"  # noqa: S104  nothing listens there: it stands for "not known"


class SignInAgain(Forbidden):
    code = "sign_in_again"
    message = (
        "This page asks that you signed in within the last five minutes. "
        "Sign out, sign in again and come back."
    )


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.BACKOFFICE:
            return False
        return bool(live("SIGN_UP_OPEN")) or arrivals.is_invited(request)

    def may_sign_up(self, email: str) -> bool:
        """Whether an account may begin with `email`: a closed sign-up takes the invited one only."""
        return bool(live("SIGN_UP_OPEN")) or arrivals.is_proven(self.request, email)

    def populate_username(self, request: HttpRequest, user: User) -> None:
        user.username = username_for(user.email)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        super().save_user(request, user, form, commit=commit)
        if commit and not arrivals.is_proven(request, user.email):
            found_personal_organization(user)
        return user

    def set_password(self, user: User, password: str) -> None:
        """allauth would save the whole row as it was when the request began."""
        sign_in.set_password(user, password)

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """The link of an invitation proves its address as well as our own would."""
        return arrivals.is_proven(request, email) or bool(super().is_email_verified(request, email))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead who has just signed up to the welcome page, whichever way they first get in."""
        if not settings.BACKOFFICE and self._is_new(request.user):
            return str(settings.ACCOUNT_SIGNUP_REDIRECT_URL)
        return str(super().get_login_redirect_url(request))

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        if self.request.user.is_authenticated and not self._is_new(self.request.user):
            return reverse("account_email")
        return str(super().get_email_verification_redirect_url(email_address))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Leave the mail to a worker: a mail server is the network, and this is a transaction."""
        site = get_current_site(self.request)
        facts = {"request": self.request, "email": email, "current_site": site} | context
        mail = self.render_mail(template_prefix, email, facts)
        account_mail.owe_mail(mail)

    def _is_new(self, user: Any) -> bool:
        with context.acting(user_id=user.pk):
            founded = Organization.objects.of_user(user).filter(is_personal=True)
            return founded.filter(welcomed_at=None).exists()

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever has just signed in is not asked again at once.

        Someone who has neither password nor second factor cannot be asked here at all: they sign
        in at their provider again.
        """
        records = self.request.session.get("account_authentication_methods", [])
        latest = max((record.get("at", 0) for record in records), default=0)
        if time.time() - latest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
            return False
        required = bool(super().is_reauthentication_required(app=app, **kwargs))
        if required and not get_reauthentication_flows(self.request.user):
            raise SignInAgain
        return required

    def get_client_ip(self, request: HttpRequest) -> str:
        """Count by the address that the request context found behind our own proxies."""
        here = context.current()
        return (here.ip if here else None) or NO_ADDRESS

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Answer too many failed logins with 429 and a time to wait, not with a form error.

        Five wrong passwords from one address pause that address for that account. Fifty from
        anywhere within an hour leave each address one try a pause: slow for who guesses from many
        addresses, and the owner still gets in with the right password.
        """
        self._slow_usage = None
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            raise RateLimited(retry_after=FAILED_LOGINS_FORGOTTEN) from error
        account = _account_of(credentials)
        if self._count(request, "login_failed_account", account, dry_run=True):
            return
        here = f"{ratelimit.get_ip(request)}:{account}"
        self._slow_usage = self._count(request, "login_slow", here)
        if self._slow_usage is None:
            raise RateLimited(retry_after=FAILED_LOGINS_FORGOTTEN)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the failure against the account, and tell its owner when somebody keeps guessing."""
        account = _account_of(credentials)
        if self._count(request, "login_failed_account", account):
            return
        if not self._count(request, "login_notice", account):
            return
        for user in filter_users_by_email(account, is_active=True):
            if not is_known_by(user, account):
                continue
            sign_in.note_guessing(user)
            self.send_notification_mail("account/email/guessing_noticed", user)

    def _count(
        self, request: HttpRequest, action: str, key: str, *, dry_run: bool = False
    ) -> ratelimit.RateLimitUsage | None:
        """Count one try; None when the limit of `action` is reached."""
        return ratelimit.consume(
            request, app="allauth.account", action=action, key=key, dry_run=dry_run
        )

    def _rollback_login_failed_rl_usage(self) -> None:
        super()._rollback_login_failed_rl_usage()
        if self._slow_usage:
            self._slow_usage.rollback()

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failures of an account by the address they come from: nobody locks others out."""
        return f"{ratelimit.get_ip(request)}:{_account_of(credentials)}"


def _account_of(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email") or credentials.get("username") or "").strip().lower()


class MfaAdapter(DefaultMFAAdapter):
    """allauth stores TOTP secrets in clear unless told how to seal them."""

    def encrypt(self, text: str) -> str:
        return seal(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text.encode())
