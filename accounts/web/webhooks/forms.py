"""What people type about an endpoint."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.html import format_html

from accounts.models import WebhookEndpoint
from accounts.services.webhooks.catalogue import event_types
from accounts.web.once import OnceForm

EVERYTHING = "*"


class EndpointForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=2048,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
        help_text="https on port 443 or 8443. We send POST requests with a JSON body to it.",
    )
    description = forms.CharField(
        max_length=200,
        required=False,
        help_text="For example what the program does, or whose it is.",
    )
    event_types = forms.MultipleChoiceField(
        label="Events", widget=forms.CheckboxSelectMultiple, choices=lambda: _choices()
    )

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> EndpointForm:
        known = {name: getattr(endpoint, name) for name in cls.base_fields}
        return cls(initial=known)


class NewEndpointForm(OnceForm, EndpointForm):
    """An endpoint to be added."""


class DeleteForm(forms.Form):
    """Asks for the host of the address: the whole of it may be long, and is no name."""

    confirm = forms.CharField(
        label="Host of the address",
        max_length=253,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, endpoint: WebhookEndpoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._host = urlsplit(endpoint.url).hostname or ""
        self.fields["confirm"].help_text = format_html("Type “{}” to confirm.", self._host)

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed.strip().lower() != self._host:
            raise forms.ValidationError("This is not the host of the address.", "not_confirmed")
        return typed


class ReplayForm(forms.Form):
    since = forms.ChoiceField(
        label="Send again what failed",
        choices=[("1", "in the last hour"), ("24", "in the last day"), ("168", "in the last 7 days"),
                 ("720", "in the last 30 days")],
        initial="24",
    )  # fmt: skip


def _choices() -> list[tuple[str, Any]]:
    """Everything, whole groups, then each type, grouped."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for kind in event_types().values():
        whole = (f"{kind.group}.*", f"All of them ({kind.group}.*)")
        listed = groups.setdefault(kind.group_words, [whole])
        listed.append((kind.name, f"{kind.name}: {kind.description}"))
    return [(EVERYTHING, "Everything, also what is added later"), *groups.items()]
