"""How allauth meets our models: user names nobody typed, second factors sealed at rest."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from accounts.services.users import found_personal_organization, username_for
from config.kit.ids import seal, unseal


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return not settings.BACKOFFICE

    def populate_username(self, request: HttpRequest, user: User) -> None:
        user.username = username_for(user.email)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user = super().save_user(request, user, form, commit=commit)
        if commit:
            found_personal_organization(user)
        return user


class MfaAdapter(DefaultMFAAdapter):
    """allauth stores TOTP secrets in clear unless told how to seal them."""

    def encrypt(self, text: str) -> str:
        return seal(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text.encode())
