"""What people fill in about API keys."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from django import forms
from django.utils import timezone

from accounts.models import ApiKey
from accounts.rules.addresses import read_network
from accounts.rules.documents import MOST_METADATA, fault_of
from accounts.rules.scopes import VERIFY_ANY, WORDS
from accounts.services.keys import KeyChanges
from accounts.web.once import OnceForm

MOST_NETWORKS = 50
OVERLAPS = (
    ("0", "Stops at once"),
    ("1", "1 hour"),
    ("24", "24 hours"),
    ("72", "3 days"),
    ("168", "7 days"),
)


class KeyForm(forms.Form):
    """A key's facts. `changes()` returns them as the service takes them."""

    name = forms.CharField(
        max_length=100, help_text="Where it is used, so that you know it again: Checkout, staging."
    )
    description = forms.CharField(
        max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    scopes = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What the key may do with our API. A key that only your service checks needs none.",
    )
    tier = forms.ChoiceField(help_text="How often it may be used. Your plan sets the highest.")
    expires_on = forms.DateField(
        required=False,
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="It works until the end of this day, or until you revoke it when empty.",
    )
    allowed_cidrs = forms.CharField(
        required=False,
        label="Allowed networks",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One a line, such as 203.0.113.0/24. From anywhere when empty.",
    )
    external_id = forms.CharField(
        max_length=255,
        required=False,
        label="Your own reference",
        help_text="Whom of your users the key belongs to; each check of it answers with this.",
    )
    metadata = forms.CharField(
        max_length=MOST_METADATA,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text='A JSON object that comes back with each check, such as {"plan": "gold"}.',
    )

    def __init__(self, tiers: list[str], *args: Any, key: ApiKey | None = None, **kwargs: Any):
        if key is not None:
            kwargs["initial"] = _initial(key)
        super().__init__(*args, **kwargs)
        self.key = key
        choices = list(WORDS.items())
        if key is not None and VERIFY_ANY in key.scopes:
            choices.append((VERIFY_ANY, "Verify the keys of every organization (granted by staff)"))
        scopes: Any = self.fields["scopes"]
        scopes.choices = choices
        tier: Any = self.fields["tier"]
        tier.choices = [(each, each.capitalize()) for each in _with_own(tiers, key)]
        if key is None:
            tier.initial = tiers[-1]

    def clean_expires_on(self) -> datetime | None:
        chosen: date | None = self.cleaned_data["expires_on"]
        if chosen is None:
            return None
        if self.key is not None and chosen == _day(self.key.expires_at):
            return self.key.expires_at
        if chosen < timezone.localdate():
            raise forms.ValidationError("Choose today or a day to come.")
        if chosen.year > timezone.localdate().year + 100:
            raise forms.ValidationError("Choose a day within a hundred years.")
        midnight = datetime.combine(chosen + timedelta(days=1), time())
        return timezone.make_aware(midnight).astimezone(UTC)

    def clean_allowed_cidrs(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["allowed_cidrs"].splitlines()]
        found = []
        for line in filter(None, lines):
            try:
                found.append(read_network(line))
            except ValueError as error:
                raise forms.ValidationError(f"{line[:60]} is no network.") from error
        if len(found) > MOST_NETWORKS:
            raise forms.ValidationError(f"At most {MOST_NETWORKS} networks are allowed.")
        return sorted(set(found))

    def clean_metadata(self) -> dict[str, Any]:
        # Not by forms.JSONField: it lets NaN in and breaks on deep nesting.
        try:
            value = orjson.loads(self.cleaned_data["metadata"] or "{}")
        except orjson.JSONDecodeError as error:
            raise forms.ValidationError("Enter valid JSON.") from error
        if not isinstance(value, dict):
            raise forms.ValidationError("This must be a JSON object, in curly brackets.")
        if fault := fault_of(value, most=MOST_METADATA):
            raise forms.ValidationError(fault.detail)
        return value

    def changes(self) -> KeyChanges:
        cleaned = self.cleaned_data
        return KeyChanges(
            name=cleaned["name"],
            description=cleaned["description"],
            scopes=cleaned["scopes"],
            tier=cleaned["tier"],
            allowed_cidrs=cleaned["allowed_cidrs"],
            expires_at=cleaned["expires_on"],
            external_id=cleaned["external_id"],
            metadata=cleaned["metadata"],
        )


class NewKeyForm(OnceForm, KeyForm):
    """A key to be made."""

    environment = forms.ChoiceField(
        choices=ApiKey.Environment.choices,
        help_text="Shows in the key itself. Both kinds count against your limits alike.",
    )
    field_order = ("name", "environment")


class RotateForm(OnceForm):
    overlap = forms.ChoiceField(
        choices=OVERLAPS, initial="24", label="The old key goes on working for"
    )

    @property
    def overlap_time(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["overlap"]))


class RevokeForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        required=False,
        help_text="Kept with the key, for whoever asks later. Never put the key itself here.",
    )


def _initial(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "description": key.description,
        "scopes": key.scopes,
        "tier": key.tier,
        "expires_on": _day(key.expires_at),
        "allowed_cidrs": "\n".join(key.allowed_cidrs),
        "external_id": key.external_id,
        "metadata": json.dumps(key.metadata, ensure_ascii=False) if key.metadata else "",
    }


def _day(moment: datetime | None) -> date | None:
    """Return the last day that a key works on, in the reader's zone."""
    if moment is None:
        return None
    return timezone.localtime(moment - timedelta(microseconds=1)).date()


def _with_own(tiers: list[str], key: ApiKey | None) -> list[str]:
    return tiers if key is None or key.tier in tiers else [*tiers, key.tier]
