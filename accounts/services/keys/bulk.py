"""What is done to many API keys at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from accounts.models import ApiKey, Organization, User
from accounts.services.bulk import BulkAction
from accounts.services.keys.lifecycle import revoke_key


def _find(organization: Organization, key_id: UUID) -> ApiKey | None:
    return ApiKey.objects.for_organization(organization).filter(pk=key_id).first()


def _revoke(key: ApiKey, params: Mapping[str, Any], by: User) -> None:
    revoke_key(key, reason=params.get("reason", ""))


REVOKE = BulkAction(
    "revoke_api_keys",
    "Revoke API keys",
    "API keys",
    permission="manage_keys",
    find=_find,
    name_of=str,
    work=_revoke,
)
