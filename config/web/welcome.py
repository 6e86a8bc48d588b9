"""The form of the welcome page: who the new customer is, for invoices and VAT."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction

from accounts.models import Organization
from accounts.services.organizations import describe_organization
from accounts.web.countries import countries
from billing.services.customers import describe_customer, profile_of
from config.kit.errors import DomainError


def _choices() -> list[tuple[str, str]]:
    return [("", "Choose a country"), *countries()]


class WelcomeForm(forms.Form):
    name = forms.CharField(
        label="Organization name",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        help_text="Your company, your team, or your own name.",
    )
    country = forms.ChoiceField(
        choices=_choices,
        widget=forms.Select(attrs={"autocomplete": "country"}),
        help_text="Decides the VAT on your invoices.",
    )
    vat_id = forms.CharField(
        label="VAT number",
        max_length=20,
        required=False,
        help_text="Companies in the EU: with it, no VAT is added across borders.",
    )

    @classmethod
    def of(cls, organization: Organization) -> WelcomeForm:
        """Return the form filled with what sign-up knew: a guessed personal name is not."""
        name = (
            "" if organization.is_personal and not organization.welcomed_at else organization.name
        )
        return cls(initial={"name": name, "country": organization.country})

    def save(self, organization: Organization, at: datetime) -> bool:
        """Store all of it or nothing; a refusal becomes an error of its field."""
        said: dict[str, Any] = self.cleaned_data
        try:
            with transaction.atomic():
                describe_organization(
                    organization, name=said["name"], country=said["country"], at=at
                )
                describe_customer(
                    organization,
                    legal_name=said["name"],
                    address=profile_of(organization).address,
                    country=said["country"],
                    vat_id=said["vat_id"],
                )
        except DomainError as refusal:
            self.add_error("vat_id", refusal.detail)
            return False
        return True


def skip_welcome(organization: Organization, at: datetime) -> None:
    """Ask no more; what is known stays."""
    describe_organization(organization, name=organization.name, country=organization.country, at=at)
