"""The filters of the audit log as they stand in its address."""

from __future__ import annotations

from django import forms
from django.utils.timezone import get_current_timezone

from accounts.services.reading import TrailFilter, days


class TrailForm(forms.Form):
    """Lenient: what is not understood narrows nothing and is named above the list."""

    actor = forms.CharField(max_length=254, required=False)
    action = forms.CharField(max_length=100, required=False)
    entity_type = forms.CharField(max_length=100, required=False)
    entity_id = forms.CharField(max_length=100, required=False)
    request_id = forms.CharField(max_length=64, required=False)
    since = forms.DateField(required=False, label="From")
    until = forms.DateField(required=False, label="To")

    def wanted(self) -> TrailFilter:
        self.is_valid()
        known = dict(self.cleaned_data)
        span = days(known.pop("since", None), known.pop("until", None), get_current_timezone())
        return TrailFilter(**known, **span)
