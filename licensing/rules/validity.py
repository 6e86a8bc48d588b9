"""May this device run this product now? One verdict, in an order that never changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from licensing.rules.transitions import LicenseStatus, SuspendedReason


class Code(StrEnum):
    """Part of the public contract: what a program sees in `code`."""

    NOT_FOUND = "NOT_FOUND"
    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    NOT_STARTED = "NOT_STARTED"
    EXPIRED = "EXPIRED"
    PAYMENT_OVERDUE = "PAYMENT_OVERDUE"
    PRODUCT_MISMATCH = "PRODUCT_MISMATCH"
    NO_DEVICE = "NO_DEVICE"
    TOO_MANY_DEVICES = "TOO_MANY_DEVICES"
    DEVICE_MISMATCH = "DEVICE_MISMATCH"
    OVER_LIMIT = "OVER_LIMIT"
    VALID = "VALID"


DETAILS: dict[Code, str] = {
    Code.NOT_FOUND: "No license has this key.",
    Code.REVOKED: "The license was revoked.",
    Code.SUSPENDED: "The license is suspended.",
    Code.NOT_STARTED: "The license is not valid yet.",
    Code.EXPIRED: "The license has expired.",
    Code.PAYMENT_OVERDUE: "The license is suspended until an overdue invoice is paid.",
    Code.PRODUCT_MISMATCH: "The license is for another product.",
    Code.NO_DEVICE: "The license has no active device. Activate this one.",
    Code.TOO_MANY_DEVICES: "This device is not active and every seat is taken.",
    Code.DEVICE_MISMATCH: "This device is not active on the license. Activate it.",
    Code.OVER_LIMIT: "The license is valid, but more devices are active than it allows.",
    Code.VALID: "The license is valid.",
}
ACCEPTED = frozenset({Code.VALID, Code.OVER_LIMIT})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a license; times are aware. Never a verdict: that depends on the clock."""

    status: str
    suspended_reason: str
    product: str
    starts_at: datetime
    expires_at: datetime | None
    max_devices: int
    active_devices: int


@dataclass(frozen=True, slots=True)
class Question:
    """What the caller wants to know: a product by its slug, a device, both or neither."""

    product: str | None = None
    asks_device: bool = False
    device_is_linked: bool = False

    @property
    def lacks_seat(self) -> bool:
        return self.asks_device and not self.device_is_linked


Check = Callable[[Facts, datetime, Question], bool]

# The first that holds is the verdict. What the customer cannot change stands before what they
# can, what concerns the whole license before what concerns one device.
CHECKS: tuple[tuple[Code, Check], ...] = (
    (Code.REVOKED, lambda facts, now, asked: facts.status == LicenseStatus.REVOKED),
    (
        Code.SUSPENDED,
        lambda facts, now, asked: (
            facts.status == LicenseStatus.SUSPENDED
            and facts.suspended_reason != SuspendedReason.PAYMENT_OVERDUE
        ),
    ),
    (Code.NOT_STARTED, lambda facts, now, asked: now < facts.starts_at),
    (
        Code.EXPIRED,
        lambda facts, now, asked: (
            facts.status == LicenseStatus.EXPIRED
            or (facts.expires_at is not None and facts.expires_at <= now)
        ),
    ),
    (Code.PAYMENT_OVERDUE, lambda facts, now, asked: facts.status == LicenseStatus.SUSPENDED),
    (
        Code.PRODUCT_MISMATCH,
        lambda facts, now, asked: asked.product is not None and asked.product != facts.product,
    ),
    (Code.NO_DEVICE, lambda facts, now, asked: asked.lacks_seat and facts.active_devices == 0),
    (
        Code.TOO_MANY_DEVICES,
        lambda facts, now, asked: asked.lacks_seat and facts.active_devices >= facts.max_devices,
    ),
    (Code.DEVICE_MISMATCH, lambda facts, now, asked: asked.lacks_seat),
    (Code.OVER_LIMIT, lambda facts, now, asked: facts.active_devices > facts.max_devices),
)


def verdict(facts: Facts | None, now: datetime, asked: Question) -> Code:
    """Return the first code whose check holds; `facts` is None when no license has the key."""
    if facts is None:
        return Code.NOT_FOUND
    for code, holds in CHECKS:
        if holds(facts, now, asked):
            return code
    return Code.VALID


def state(status: str, starts_at: datetime, expires_at: datetime | None, now: datetime) -> str:
    """Return the status as people see it: a passed end and a coming start count too."""
    if status == LicenseStatus.ACTIVE:
        if now < starts_at:
            return "scheduled"
        if expires_at is not None and expires_at <= now:
            return LicenseStatus.EXPIRED.value
    return status
