"""What people type about an endpoint."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import WebhookEndpoint
from accounts.services.webhooks.catalogue import event_types
from config.kit.errors import InvalidInput

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

    def refuse(self, error: InvalidInput) -> None:
        """Show a refusal of the service beside the field that it names."""
        for each in error.errors:
            self.add_error(each["pointer"].removeprefix("/") or None, each["detail"])


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
