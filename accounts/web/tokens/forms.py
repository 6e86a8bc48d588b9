"""What an app asks in the address, and what a person types."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.rules import handover


class HandoverForm(forms.Form):
    """The question of a desktop app, from the address it opened."""

    client_id = forms.CharField(max_length=64)
    redirect_uri = forms.CharField(max_length=255)
    code_challenge = forms.CharField(max_length=128)
    code_challenge_method = forms.CharField(max_length=16, required=False)
    state = forms.CharField(max_length=512, required=False, strip=False)
    response_type = forms.CharField(max_length=16, required=False)

    def clean_response_type(self) -> str:
        wanted: str = self.cleaned_data["response_type"]
        if wanted not in ("", "code"):
            raise forms.ValidationError("Only response_type=code is known.")
        return wanted


class DeviceCodeForm(forms.Form):
    code = forms.CharField(
        max_length=20,
        label="Code",
        help_text="Eight letters, as the machine shows them.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def clean_code(self) -> str:
        code = handover.read_user_code(self.cleaned_data["code"])
        if code is None:
            raise forms.ValidationError("That is no code of ours. It looks like WDJB-MJHT.")
        return handover.shown_user_code(code)

    @classmethod
    def prefilled(cls, text: Any) -> DeviceCodeForm:
        return cls(initial={"code": str(text)[:20]})
