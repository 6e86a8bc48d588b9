"""The checklist of a new account, worked out from what is there; nothing is ticked by hand."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from accounts.models import Membership
from config.web.overview import LicenseFigures, Safety

COOKIE = "first_steps"
HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    text: str
    done: bool
    url: str
    action: str

    @property
    def state(self) -> str:
        return "done" if self.done else "todo"

    @property
    def hint(self) -> str:
        return "" if self.done else self.text


def first_steps(membership: Membership, safety: Safety, licenses: LicenseFigures) -> list[Step]:
    organization = membership.organization
    steps = [
        Step(
            "Confirm your e-mail address",
            "So that you can reset your password and hear about payments.",
            safety.email_confirmed,
            reverse("account_email"),
            "Confirm",
        ),
        Step(
            "Add a second factor",
            "Then a stolen password alone opens nothing.",
            safety.second_factor,
            reverse("mfa_activate_totp"),
            "Set up",
        ),
        Step(
            "License an app",
            "Choose a plan and pay; the key is there a moment later.",
            licenses.total > 0,
            reverse("catalog"),
            "See the plans",
        ),
        Step(
            "Activate a device",
            "Your program sends the key once and holds a seat from then on.",
            bool(licenses.devices),
            reverse("api_docs"),
            "Read how",
        ),
    ]
    if membership.allows("manage_organization"):
        described = Step(
            "Describe your organization",
            "Its name and country stand on invoices and decide the VAT.",
            bool(organization.country),
            reverse("organization" if organization.welcomed_at else "welcome"),
            "Describe",
        )
        steps.insert(2, described)
    return steps
