"""What is asked when an organization is founded, and when an account closes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html

from accounts.models import User
from accounts.web.countries import countries


def _countries() -> list[tuple[str, str]]:
    return [("", "Choose a country"), *countries()]


class NewOrganizationForm(forms.Form):
    name = forms.CharField(
        label="Organization name",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    country = forms.ChoiceField(
        choices=_countries,
        widget=forms.Select(attrs={"autocomplete": "country"}),
        help_text="Decides the VAT on your invoices.",
    )


class CloseAccountForm(forms.Form):
    confirm = forms.CharField(
        label="Your e-mail address",
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = user.email
        hint = format_html("Type “{}” to confirm.", user.email)
        self.fields["confirm"].help_text = hint

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed.strip().lower() != self._email.lower():
            raise forms.ValidationError("This is not your address.", "not_confirmed")
        return typed
