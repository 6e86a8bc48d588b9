"""What is confirmed about the recording of calls."""

from __future__ import annotations

from django import forms


class RecordingForm(forms.Form):
    """Names what the page asked: the setting may be another by the time of the answer."""

    keep = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")], widget=forms.HiddenInput)

    @property
    def keeps(self) -> bool:
        return bool(self.cleaned_data["keep"] == "yes")
