"""Names that pages show: of those who may help the reader on, and of countries."""

from __future__ import annotations

from accounts.models import Membership, Organization
from accounts.web.countries import countries

NAMED = 3


def country_name(code: str) -> str:
    return dict(countries()).get(code, code)


def who_may(organization: Organization, permission: str) -> str:
    """Name up to three members whose role allows `permission`, owners first."""
    members = Membership.objects.for_organization(organization).select_related("user")
    able = [each for each in members if each.allows(permission)]
    able.sort(key=lambda each: each.role != Membership.Role.OWNER)
    names = [each.user.full_name for each in able[:NAMED]]
    if len(able) > NAMED:
        return f"{', '.join(names)} and {len(able) - NAMED} more"
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
