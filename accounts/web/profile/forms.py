"""What people say about themselves."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from accounts.models import User
from accounts.rules.locales import LOCALES
from accounts.rules.phones import BadPhone, normal_phone
from accounts.rules.pictures import MOST_BYTES


def time_zones() -> list[tuple[str, str]]:
    """Return the zones of places people live in, UTC first."""
    regions = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/",
               "Europe/", "Indian/", "Pacific/")  # fmt: skip
    names = sorted(name for name in available_timezones() if name.startswith(regions))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


def locales() -> list[tuple[str, str]]:
    return list(LOCALES.items())


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
        help_text="With country code. Used only by support, when you ask to be called.",
    )
    time_zone = forms.ChoiceField(
        choices=time_zones, help_text="Dates and times on this site are shown in it."
    )
    locale = forms.ChoiceField(
        choices=locales,
        label="Dates and numbers",
        help_text="How they are written for you. Invoices keep one form for everybody.",
    )

    @classmethod
    def of(cls, user: User) -> ProfileForm:
        """Return the form filled with what is known."""
        known: dict[str, Any] = {name: getattr(user, name) for name in cls.base_fields}
        return cls(initial=known)

    def clean_phone(self) -> str:
        try:
            return normal_phone(self.cleaned_data["phone"])
        except BadPhone as error:
            raise forms.ValidationError(str(error), "invalid") from error


class PictureForm(forms.Form):
    picture = forms.FileField(
        help_text="JPEG, PNG, WebP or GIF up to 5 MB. It is cut to a square.",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"}),
    )

    def clean_picture(self) -> bytes:
        """Return the bytes of the file."""
        file = self.cleaned_data["picture"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError("The picture is larger than 5 MB.", "too_large")
        content: bytes = file.read()
        return content
