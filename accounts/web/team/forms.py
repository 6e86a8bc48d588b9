"""What is typed about a team: addresses to invite, roles, the name that confirms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html

from accounts.models import Membership, Organization
from accounts.rules.team import MOST_AT_ONCE, is_address, require_typed, split_addresses
from config.kit.errors import DomainError

ROLES = {
    Membership.Role.READONLY: "Read only: sees everything, changes nothing",
    Membership.Role.MEMBER: "Member: uses licenses and devices",
    Membership.Role.ADMIN: "Admin: buys, manages the team, keys and settings",
    Membership.Role.OWNER: "Owner: everything, also owners and closing the organization",
}
_SHOWN = 5


def role_choices(manages_owners: bool) -> list[tuple[str, str]]:
    """Return the roles that the reader may give."""
    return [
        (role.value, words)
        for role, words in ROLES.items()
        if manages_owners or role != Membership.Role.OWNER
    ]


class InviteForm(forms.Form):
    emails = forms.CharField(
        label="E-mail addresses",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        help_text=f"Up to {MOST_AT_ONCE}, parted by commas, blanks or new lines.",
    )
    role = forms.ChoiceField(initial=Membership.Role.MEMBER)

    def __init__(self, *args: Any, manages_owners: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices(manages_owners)  # type: ignore[attr-defined]

    def clean_emails(self) -> list[str]:
        addresses = split_addresses(self.cleaned_data["emails"])
        wrong = [address for address in addresses if not is_address(address)]
        if wrong:
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            listed = ", ".join(address[:60] for address in wrong[:_SHOWN])
            raise forms.ValidationError(f"Not an e-mail address: {listed}{more}.", "invalid")
        if len(addresses) > MOST_AT_ONCE:
            raise forms.ValidationError(f"At most {MOST_AT_ONCE} at once.", "too_many")
        return addresses


class RoleForm(forms.Form):
    role = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(self, *args: Any, manages_owners: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices(manages_owners)  # type: ignore[attr-defined]


class TypedNameForm(forms.Form):
    """Asks for the name of what is at stake before it is given away or closed."""

    confirm = forms.CharField(
        label="Name of the organization",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = organization.name
        hint = format_html("Type “{}” to confirm.", organization.name)
        self.fields["confirm"].help_text = hint

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        try:
            require_typed(typed, self._name)
        except DomainError as refusal:
            raise forms.ValidationError(refusal.detail, "not_confirmed") from refusal
        return typed


class TransferForm(TypedNameForm):
    member = forms.ChoiceField(label="New owner")
    field_order = ("member", "confirm")

    def __init__(self, *args: Any, heirs: list[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(each.pk), f"{each.user.full_name} ({each.user.email})") for each in heirs]
        self.fields["member"].choices = choices  # type: ignore[attr-defined]
