"""Sign-ups that take invited addresses only while closed, and cost the same for a known address."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.forms import BaseSignupForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from allauth.socialaccount.forms import SignupForm as AllauthProviderSignupForm
from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse

from accounts.models import User


class _ForWhomItIsOpen(BaseSignupForm):
    def clean_email(self) -> str:
        if not get_adapter().may_sign_up(self.cleaned_data["email"]):
            raise forms.ValidationError(
                "Sign-up is closed. Use the address that your invitation was sent to.",
                code="sign_up_closed",
            )
        return str(super().clean_email())


class SignupForm(_ForWhomItIsOpen, AllauthSignupForm):
    """allauth answers alike for a taken address; here it also takes as long."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class ProviderSignupForm(_ForWhomItIsOpen, AllauthProviderSignupForm):
    """The same for who comes from a provider that named no address."""
