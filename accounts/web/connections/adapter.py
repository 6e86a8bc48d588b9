"""How allauth's social sign-in meets our people: providers from the environment, nobody taken over."""

from __future__ import annotations

from copy import copy
from typing import Any

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.socialaccount.adapter import (
    DefaultSocialAccountAdapter,
    _build_apps_from_settings,
)
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import Provider
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault
from django.http import HttpRequest

from accounts.gateways.providers import bounded
from accounts.models import User
from accounts.services.addresses import drop_claims
from accounts.services.users import found_personal_organization
from accounts.web.connections.openid import OpenIdProvider
from accounts.web.team import arrivals

_NAME = 100


class ConnectionAdapter(DefaultSocialAccountAdapter):
    def list_apps(
        self, request: HttpRequest, provider: Any = None, client_id: Any = None
    ) -> list[SocialApp]:
        """Return what the environment names; the table of apps stays empty."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def list_providers(self, request: HttpRequest) -> list[Provider]:
        return [_ours(provider) for provider in super().list_providers(request)]

    def get_provider(self, request: HttpRequest, provider: str, client_id: Any = None) -> Provider:
        return _ours(super().get_provider(request, provider, client_id))

    def get_requests_session(self) -> Any:
        return bounded(super().get_requests_session())

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """An address that the provider names is the account's; without one a form asks for it."""
        if not super().is_open_for_signup(request, sociallogin):
            return False
        email = sociallogin.user.email
        return not email or get_account_adapter(request).may_sign_up(email)

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        for address in sociallogin.email_addresses:
            drop_claims(address.email)
        return bool(super().is_auto_signup_allowed(request, sociallogin))

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> User:
        """Take over the name as far as our columns hold it."""
        user: User = super().populate_user(request, sociallogin, data)
        user.first_name = _clean(user.first_name)
        user.last_name = _clean(user.last_name)
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        # With a form the account adapter has founded it already.
        if form is None and not arrivals.is_proven(request, user.email):
            found_personal_organization(user)
        return user

    def serialize_instance(self, instance: Model) -> Any:
        """Leave to the database what it fills in itself: JSON cannot say "your default"."""
        plain = copy(instance)
        for name, value in vars(instance).items():
            if isinstance(value, DatabaseDefault):
                del plain.__dict__[name]
        return super().serialize_instance(plain)


def _ours(provider: Provider) -> Provider:
    if isinstance(provider, OpenIDConnectProvider):
        return OpenIdProvider(provider.request, app=provider.app)
    return provider


def _clean(name: str) -> str:
    return str(name or "").replace("\x00", "").strip()[:_NAME]
