"""Sign-ups for the invited only while closed, at equal cost; resets for an address's owner only."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.forms import BaseSignupForm
from allauth.account.forms import ResetPasswordForm as AllauthResetPasswordForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from allauth.socialaccount.forms import SignupForm as AllauthProviderSignupForm
from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.services.addresses import drop_claims, is_known_by


class _ForWhomItIsOpen(BaseSignupForm):
    def clean_email(self) -> str:
        if not get_adapter().may_sign_up(self.cleaned_data["email"]):
            raise forms.ValidationError(
                "Sign-up is closed. Use the address that your invitation was sent to.",
                code="sign_up_closed",
            )
        drop_claims(self.cleaned_data["email"])
        return str(super().clean_email())


class SignupForm(_ForWhomItIsOpen, AllauthSignupForm):
    """allauth answers alike for a taken address; here it also takes as long."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class ProviderSignupForm(_ForWhomItIsOpen, AllauthProviderSignupForm):
    """The same for who comes from a provider that named no address."""


class ResetPasswordForm(AllauthResetPasswordForm):
    """The link opens the account of who owns the address, never of who only claims it."""

    def clean_email(self) -> str:
        email = str(super().clean_email())
        self.users = [user for user in self.users if is_known_by(user, email)]
        return email
