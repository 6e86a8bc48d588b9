"""Finding a license or a device by its secret, before anybody knows whose it is.

The functions of migration 0002 look behind the tenant wall for one row; what they return goes to
whoever sent the secret. Everything else is read through `for_organization`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from licensing.rules.snapshots import Seat, Snapshot
from licensing.rules.validity import Facts

_COLUMNS = (
    "license_id, organization_id, version, status, suspended_reason, plan, product, starts_at,"
    " expires_at, max_devices, active_devices, link_id, activated_at"
)


@dataclass(frozen=True, slots=True)
class FoundLicense:
    """A license by its key, and the asked device's seat when it has one."""

    organization_id: UUID
    snapshot: Snapshot
    seat: Seat | None


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device by its token, active or not."""

    organization_id: UUID
    snapshot: Snapshot
    link_id: UUID
    deactivated_at: datetime | None


def find_license(key_hash: str, device_id: str | None) -> FoundLicense | None:
    """Return the license with this key; one statement, so facts and version belong together."""
    row = _one(
        f"SELECT {_COLUMNS} FROM licensing_find_license(%s, %s)",  # noqa: S608  constants
        [key_hash, device_id],
    )
    if row is None:
        return None
    link_id, activated_at = row[11:13]
    seat = Seat(link_id, activated_at) if link_id else None
    return FoundLicense(row[1], _snapshot(row), seat)


def find_device(token_hash: str, link_id: UUID | None = None) -> FoundDevice | None:
    """Return the device with this token; with `link_id`, only if it is that one."""
    row = _one(
        f"SELECT {_COLUMNS}, deactivated_at"  # noqa: S608  constants
        " FROM licensing_find_device(%s, %s)",
        [link_id, token_hash],
    )
    return FoundDevice(row[1], _snapshot(row), row[11], row[13]) if row else None


def _one(statement: str, parameters: list[Any]) -> Sequence[Any] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: Sequence[Any] | None = cursor.fetchone()
    return row


def _snapshot(row: Sequence[Any]) -> Snapshot:
    return Snapshot(
        license_id=row[0],
        version=row[2],
        plan=row[5],
        facts=Facts(
            status=row[3],
            suspended_reason=row[4],
            product=row[6],
            starts_at=row[7],
            expires_at=row[8],
            max_devices=row[9],
            active_devices=row[10],
        ),
    )
