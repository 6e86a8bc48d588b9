"""API keys for tests: issued through the service, so that they are real."""

from __future__ import annotations

from typing import Any

from accounts.models import ApiKey, Organization, User
from accounts.services.keys import issue_key
from config.kit import context


def make_key(
    organization: Organization,
    by: User | None,
    *scopes: str,
    name: str = "Key",
    **facts: Any,
) -> tuple[ApiKey, str]:
    """Issue a key and return it with its text."""
    with context.acting(organization_id=organization.pk):
        return issue_key(organization, name=name, scopes=scopes, by=by, **facts)
