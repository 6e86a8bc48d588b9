"""The list of API keys, and what its page says of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet

from accounts.models import ApiKey
from accounts.models.api_key import NEGLECTED
from config.kit.lists import ListPage, Tab

WORDS = {
    "active": "Active",
    "rotated": "Replaced soon",
    "pending": "Waiting",
    "disabled": "Switched off",
    "expired": "Expired",
    "revoked": "Revoked",
}
TONES = {
    "active": "ok",
    "rotated": "warn",
    "pending": "busy",
    "disabled": "off",
    "expired": "bad",
    "revoked": "bad",
}


class KeyList(ListPage):
    """All API keys of the organization, revoked ones too."""

    template_name = "accounts/keys/list.html"
    file_name = "api-keys"
    sorts: ClassVar = {
        "name": ("name", "id"),
        "last_used_at": ("last_used_at", "id"),
        "expires_at": ("expires_at", "id"),
        "created_at": ("created_at", "id"),
    }
    columns: ClassVar = (
        ("Key", lambda key: key.pk),
        ("Name", lambda key: key.name),
        ("Begins with", lambda key: key.prefix),
        ("Ends with", lambda key: key.last4),
        ("State", lambda key: key.state_now),
        ("Scopes", lambda key: " ".join(key.scopes)),
        ("Tier", lambda key: key.tier),
        ("Allowed networks", lambda key: " ".join(key.allowed_cidrs)),
        ("Your reference", lambda key: key.external_id),
        ("Last used", lambda key: key.last_used_at),
        ("Last used from", lambda key: key.last_used_ip),
        ("Uses", lambda key: key.usage_count),
        ("Expires", lambda key: key.expires_at),
        ("Created", lambda key: key.created_at),
        ("Created by", lambda key: key.created_by.email if key.created_by else ""),
        ("Revoked", lambda key: key.revoked_at),
    )

    def rows(self) -> QuerySet[Any]:
        return ApiKey.objects.for_organization(self.request.organization)

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("active", "Active", usable_at(self.at)),
            Tab("neglected", "Unused 90 d", neglected_at(self.at)),
            Tab("pending", "Waiting", Q(status=ApiKey.Status.PENDING_VERIFICATION)),
            Tab("revoked", "Revoked", Q(status=ApiKey.Status.REVOKED)),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.matching(text)

    def decorate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("created_by")

    def complete(self, shown: Sequence[Any]) -> None:
        for key in shown:
            describe(key, self.at)

    def exported(self, rows: QuerySet[Any]) -> Any:
        for key in super().exported(rows):
            key.state_now = key.state(self.at)
            yield key

    def facts(self) -> dict[str, Any]:
        return {"may_manage": self.request.membership.allows("manage_keys")}


def describe(key: Any, at: datetime) -> Any:
    """Add to a key the words its pages show; return it."""
    state = key.state(at)
    key.state_word, key.state_tone = WORDS[state], TONES[state]
    key.state_now = state
    key.neglected = key.is_neglected(at)
    return key


def usable_at(at: datetime) -> Q:
    ahead = Q(expires_at=None) | Q(expires_at__gt=at)
    stays = Q(overlap_ends_at=None) | Q(overlap_ends_at__gt=at)
    return ahead & stays & Q(status=ApiKey.Status.ACTIVE, is_active=True)


def neglected_at(at: datetime) -> Q:
    ago = at - NEGLECTED
    return usable_at(at) & (
        Q(last_used_at__lt=ago) | Q(last_used_at__isnull=True, created_at__lt=ago)
    )
