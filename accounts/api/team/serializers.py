"""Shapes of the team's API."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now
from rest_framework import serializers

from accounts.models import Membership
from accounts.rules.team import MOST_AT_ONCE, is_address
from accounts.web.countries import countries
from config.kit.api import StrictSerializer

Shape = serializers.Serializer[Any]


def _printable(text: str) -> None:
    if not text.isprintable():
        raise serializers.ValidationError("Write a name without control characters.", "invalid")


class OrganizationInput(StrictSerializer):
    name = serializers.CharField(max_length=120, validators=[_printable], required=False)
    country = serializers.CharField(
        max_length=2, required=False, allow_blank=True, help_text="ISO 3166 code"
    )

    def validate_country(self, code: str) -> str:
        if code and code.upper() not in dict(countries()):
            raise serializers.ValidationError("Not a country of ISO 3166.", "unknown_country")
        return code.upper()


class NewOrganizationInput(OrganizationInput):
    name = serializers.CharField(max_length=120, validators=[_printable])


class MemberOutput(Shape):
    id = serializers.UUIDField(help_text="Of the membership, not of the person")
    email = serializers.EmailField(source="user.email")
    first_name = serializers.CharField(source="user.first_name")
    last_name = serializers.CharField(source="user.last_name")
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    second_factor = serializers.SerializerMethodField(
        help_text="Whether they have one; null for callers who do not manage the team"
    )
    last_active_at = serializers.DateTimeField(help_text="On the site, exact to five minutes")
    created_at = serializers.DateTimeField()

    def get_second_factor(self, member: Any) -> bool | None:
        return member.second_factor if self.context["manages_team"] else None


class RoleInput(StrictSerializer):
    role = serializers.ChoiceField(choices=Membership.Role.choices)


class ConfirmInput(StrictSerializer):
    confirm = serializers.CharField(max_length=120, help_text="The name of the organization")


class TransferInput(ConfirmInput):
    member = serializers.UUIDField(help_text="The membership that becomes an owner's")


class InviteInput(StrictSerializer):
    emails = serializers.ListField(
        child=serializers.CharField(max_length=254), min_length=1, max_length=MOST_AT_ONCE
    )
    role = serializers.ChoiceField(
        choices=Membership.Role.choices, default=Membership.Role.MEMBER.value
    )

    def validate_emails(self, emails: list[str]) -> list[str]:
        cleaned = [email.strip().lower() for email in emails]
        wrong = [email for email in cleaned if not is_address(email)]
        if wrong:
            raise serializers.ValidationError(f"Not an e-mail address: {wrong[0]}", "invalid")
        return list(dict.fromkeys(cleaned))


class InvitationOutput(Shape):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    state = serializers.SerializerMethodField(help_text="open, expired, accepted or revoked")
    invited_by = serializers.SerializerMethodField(help_text="E-mail; null when it is gone")
    expires_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    accepted_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_state(self, invitation: Any) -> str:
        return str(invitation.state(now()))

    def get_invited_by(self, invitation: Any) -> str | None:
        return invitation.invited_by.email if invitation.invited_by else None


class OutcomeOutput(Shape):
    email = serializers.EmailField()
    outcome = serializers.ChoiceField(choices=["invited", "already_invited", "already_member"])
    invitation = InvitationOutput(allow_null=True)


class InvitedOutput(Shape):
    outcomes = OutcomeOutput(many=True)


class MyOrganizationOutput(Shape):
    id = serializers.UUIDField(source="organization.id")
    name = serializers.CharField(source="organization.name")
    status = serializers.CharField(source="organization.status")
    role = serializers.ChoiceField(choices=Membership.Role.choices)
    current = serializers.SerializerMethodField(help_text="Whether this request acts for it")

    def get_current(self, membership: Any) -> bool:
        return membership.organization_id == self.context["current"]


class MyOrganizationsOutput(Shape):
    results = MyOrganizationOutput(many=True)
