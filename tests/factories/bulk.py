"""Bulk jobs for tests, and an action that leaves a mark in the trail each time it is done."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count as numbers
from typing import Any
from uuid import UUID, uuid4

from accounts.models import ApiKey, AuditLog, BulkJob, Organization, User
from accounts.services import audit
from accounts.services.bulk import BulkAction, register, start_job
from accounts.services.keys.bulk import REVOKE
from config.kit import context
from config.kit.errors import Conflict


class Refused(Conflict):
    code = "test_refused"
    message = "This one cannot be touched."


def _find(organization: Organization, key_id: UUID) -> ApiKey | None:
    return ApiKey.objects.for_organization(organization).filter(pk=key_id).first()


def _touch(key: ApiKey, params: Mapping[str, Any], by: User) -> None:
    """Record it, and only then refuse what is named so: a refusal must leave nothing behind."""
    audit.record("test.touched", key)
    if key.name in params.get("refused", ()):
        raise Refused
    if key.name in params.get("broken", ()):
        raise ZeroDivisionError


TOUCH = BulkAction(
    "test_touch", "Touch API keys", "API keys",
    permission="manage_keys", find=_find, name_of=lambda key: key.name, work=_touch,
)  # fmt: skip
register(TOUCH)
_numbers = numbers(1)


def plain_keys(organization: Organization, count: int, *, name: str = "K") -> list[ApiKey]:
    """Make keys as rows, without the service: quick, and in the order of their names."""
    made = []
    for number in range(count):
        unique = next(_numbers)
        made.append(
            ApiKey(
                organization=organization,
                name=f"{name}{number:05}",
                key_hash=f"{unique:064}",
                public_id=f"{unique:08}",
                last4="0000",
            )
        )
    return ApiKey.objects.bulk_create(made)


def job_of(
    organization: Organization, by: User, count: int = 3, action: BulkAction = REVOKE, **params: Any
) -> BulkJob:
    """Begin a job on so many new keys."""
    with context.acting(organization_id=organization.pk):
        return start_job(
            action, organization, targets=plain_keys(organization, count), params=params, by=by,
            once=uuid4(),
        )  # fmt: skip


def touched() -> list[str]:
    """Return the key of each time that `TOUCH` was done, in this order."""
    rows = AuditLog.objects.filter(action="test.touched").order_by("id")
    return list(rows.values_list("entity_id", flat=True))
