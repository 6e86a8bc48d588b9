"""Forms about the organization: asked once after sign-up, open to its managers later."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.db import transaction

from accounts.models import Organization
from accounts.services.organizations import describe_organization
from accounts.web.countries import countries
from billing.services.customers import describe_customer, profile_of
from config.kit.errors import DomainError


def _choices() -> list[tuple[str, str]]:
    return [("", "Choose a country"), *countries()]


class OrganizationForm(forms.Form):
    """Name and country. Invoices keep their own details (billing profile) once they have any."""

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

    @classmethod
    def of(cls, organization: Organization) -> OrganizationForm:
        """Return the form filled with what is known; the name that sign-up guessed is not."""
        guessed = organization.is_personal and organization.welcomed_at is None
        name = "" if guessed else organization.name
        return cls(initial={"name": name, "country": organization.country})

    def save(self, organization: Organization, at: datetime) -> bool:
        """Store all of it or nothing; a refusal becomes an error of the form."""
        name, country = self.cleaned_data["name"], self.cleaned_data["country"]
        try:
            with transaction.atomic():
                describe_organization(organization, name=name, country=country, at=at)
                self._tell_billing(organization)
        except DomainError as refusal:
            self.add_error("vat_id" if "vat_id" in self.fields else None, refusal.detail)
            return False
        return True

    def _tell_billing(self, organization: Organization) -> None:
        """Fill in a billing profile that is still empty; what stands there is not touched."""
        profile = profile_of(organization)
        if not profile.country:
            describe_customer(
                organization,
                legal_name=profile.legal_name or self.cleaned_data["name"],
                address=profile.address,
                country=self.cleaned_data["country"],
                vat_id=profile.vat_id,
            )


class WelcomeForm(OrganizationForm):
    """The first time, the VAT number is asked for as well and all of it goes on invoices."""

    vat_id = forms.CharField(
        label="VAT number",
        max_length=20,
        required=False,
        help_text="Companies in the EU: with it, no VAT is added across borders.",
    )

    def _tell_billing(self, organization: Organization) -> None:
        describe_customer(
            organization,
            legal_name=self.cleaned_data["name"],
            address=profile_of(organization).address,
            country=self.cleaned_data["country"],
            vat_id=self.cleaned_data["vat_id"],
        )


def skip_welcome(organization: Organization, at: datetime) -> None:
    """Ask no more; what is known stays."""
    describe_organization(organization, name=organization.name, country=organization.country, at=at)
