"""The checklist of a new account, worked out from what is there; nothing is ticked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from accounts.models import Membership
from config.web.overview import LicenseFigures, Safety


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
    """Return the steps that this member can do: who may not invite is not told to."""
    return [
        *_own_account(safety),
        *(_organization(membership) if membership.allows("manage_organization") else ()),
        *_first_resource(licenses),
        *(_colleague(safety) if membership.allows("manage_team") else ()),
        *(_billing_alert(safety) if membership.allows("manage_billing") else ()),
    ]


def _own_account(safety: Safety) -> Iterator[Step]:
    yield Step(
        "Confirm your e-mail address",
        "So that you can reset your password and hear about payments.",
        safety.email_confirmed,
        reverse("account_email"),
        "Confirm",
    )
    yield Step(
        "Add a second factor",
        "Then a stolen password alone opens nothing.",
        safety.second_factor,
        reverse("mfa_activate_totp"),
        "Set up",
    )


def _organization(membership: Membership) -> Iterator[Step]:
    organization = membership.organization
    yield Step(
        "Describe your organization",
        "Its name and country stand on invoices and decide the VAT.",
        bool(organization.country),
        reverse("organization" if organization.welcomed_at else "welcome"),
        "Describe",
    )


def _first_resource(licenses: LicenseFigures) -> Iterator[Step]:
    yield Step(
        "License an app",
        "Choose a plan and pay; the key is there a moment later.",
        licenses.total > 0,
        reverse("catalog"),
        "See the plans",
    )
    yield Step(
        "Activate a device",
        "Your program sends the key once and holds a seat from then on.",
        bool(licenses.devices),
        reverse("api_docs"),
        "Read how",
    )


def _colleague(safety: Safety) -> Iterator[Step]:
    yield Step(
        "Invite a colleague",
        "So that somebody can act when you are away.",
        safety.has_company,
        reverse("team_invite"),
        "Invite",
    )


def _billing_alert(safety: Safety) -> Iterator[Step]:
    yield Step(
        "Set a billing alert",
        "Decide who gets a mail when a payment fails or a limit comes near.",
        safety.has_billing_alert,
        reverse("notification_rules"),
        "Decide",
    )
