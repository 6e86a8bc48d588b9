"""What people type about themselves, and a sign-up that costs the same for a known address."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse

from accounts.models import User

_PHONE = re.compile(r"\+?[0-9 ()./-]{5,31}")


class SignupForm(AllauthSignupForm):
    """allauth answers alike for a taken address; here it also takes as long."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


def _time_zones() -> list[tuple[str, str]]:
    regions = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/",
               "Europe/", "Indian/", "Pacific/")  # fmt: skip
    names = sorted(name for name in available_timezones() if name.startswith(regions))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class ProfileForm(forms.Form):
    first_name = forms.CharField(
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    phone = forms.CharField(
        max_length=32,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "type": "tel"}),
        help_text="Used only by support, when you ask to be called.",
    )
    time_zone = forms.ChoiceField(
        choices=_time_zones, help_text="Dates and times on this site are shown in it."
    )

    @classmethod
    def of(cls, user: User) -> ProfileForm:
        """Return the form filled with what is known."""
        known: dict[str, Any] = {name: getattr(user, name) for name in cls.base_fields}
        return cls(initial=known)

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        if phone and not _PHONE.fullmatch(phone):
            raise forms.ValidationError("Write digits, for example +49 30 1234567.", "invalid")
        return phone
