"""How allauth meets our models: user names nobody typed, second factors sealed at rest."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.forms import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Organization, User
from accounts.services.users import found_personal_organization, username_for
from config.kit import context
from config.kit.errors import RateLimited
from config.kit.ids import seal, unseal

FAILED_LOGINS_FORGOTTEN = 300
"""Seconds until allauth forgets failed logins of one address (its default: 5 in 300 s)."""


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return not settings.BACKOFFICE

    def populate_username(self, request: HttpRequest, user: User) -> None:
        user.username = username_for(user.email)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        super().save_user(request, user, form, commit=commit)
        if commit:
            found_personal_organization(user)
        return user

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead who has just signed up to the welcome page, whichever way they first get in."""
        if not settings.BACKOFFICE and self._is_new(request.user):
            return str(settings.ACCOUNT_SIGNUP_REDIRECT_URL)
        return str(super().get_login_redirect_url(request))

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        if self.request.user.is_authenticated and not self._is_new(self.request.user):
            return reverse("account_email")
        return str(super().get_email_verification_redirect_url(email_address))

    def _is_new(self, user: Any) -> bool:
        with context.acting(user_id=user.pk):
            founded = Organization.objects.of_user(user).filter(is_personal=True)
            return founded.filter(welcomed_at=None).exists()

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whoever has just signed in is not asked again at once."""
        records = self.request.session.get("account_authentication_methods", [])
        latest = max((record.get("at", 0) for record in records), default=0)
        if time.time() - latest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def get_client_ip(self, request: HttpRequest) -> str:
        """Count by the address that the request context found behind our own proxies."""
        here = context.current()
        return (here.ip if here else None) or "unknown"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Answer too many failed logins with 429 and a time to wait, not with a form error."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            raise RateLimited(retry_after=FAILED_LOGINS_FORGOTTEN) from error


class MfaAdapter(DefaultMFAAdapter):
    """allauth stores TOTP secrets in clear unless told how to seal them."""

    def encrypt(self, text: str) -> str:
        return seal(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text.encode())
