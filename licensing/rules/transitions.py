"""Which status a license may move to; every other move is refused."""

from __future__ import annotations

from enum import StrEnum


class LicenseStatus(StrEnum):
    """`expired` means that what it was bought with has ended; a passed date needs no status."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


class SuspendedReason(StrEnum):
    OPERATOR = "operator"
    PAYMENT_OVERDUE = "payment_overdue"
    ABUSE = "abuse"


TRANSITIONS: dict[LicenseStatus, frozenset[LicenseStatus]] = {
    LicenseStatus.ACTIVE: frozenset(
        {LicenseStatus.SUSPENDED, LicenseStatus.EXPIRED, LicenseStatus.REVOKED}
    ),
    LicenseStatus.SUSPENDED: frozenset(
        {LicenseStatus.ACTIVE, LicenseStatus.EXPIRED, LicenseStatus.REVOKED}
    ),
    LicenseStatus.EXPIRED: frozenset({LicenseStatus.ACTIVE, LicenseStatus.REVOKED}),
    LicenseStatus.REVOKED: frozenset(),
}


def may_move(former: str, wanted: str) -> bool:
    return LicenseStatus(wanted) in TRANSITIONS[LicenseStatus(former)]
