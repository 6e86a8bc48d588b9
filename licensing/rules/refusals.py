"""Why a device may not be activated, or is no longer one: each with the code programs see."""

from __future__ import annotations

from config.kit.errors import (
    Conflict,
    InvalidInput,
    LimitReached,
    NotAuthenticated,
)
from licensing.rules.validity import DETAILS, Code


class UnknownLicense(InvalidInput):
    code = "license_not_found"
    message = DETAILS[Code.NOT_FOUND]

    def __init__(self) -> None:
        super().__init__(
            errors=[{"pointer": "/license_key", "code": "not_found", "detail": self.message}]
        )


class LicenseRevoked(Conflict):
    code = "revoked"
    message = DETAILS[Code.REVOKED]


class LicenseSuspended(Conflict):
    code = "suspended"
    message = DETAILS[Code.SUSPENDED]


class LicenseNotStarted(Conflict):
    code = "not_started"
    message = DETAILS[Code.NOT_STARTED]


class LicenseExpired(Conflict):
    code = "expired"
    message = DETAILS[Code.EXPIRED]


class LicensePaymentOverdue(Conflict):
    code = "payment_overdue"
    message = DETAILS[Code.PAYMENT_OVERDUE]


class TooManyDevices(LimitReached):
    """`limit` and `active` say how many devices there may be and how many there are."""

    code = "too_many_devices"
    message = "Every seat of the license is taken. Deactivate a device that is no longer used."

    def __init__(self, *, limit: int, active: int) -> None:
        super().__init__(limit=limit, active=active)


class DeviceNotActive(Conflict):
    code = "device_not_active"
    message = "This device was deactivated. Activate it again with the license key."


class UnknownDeviceToken(NotAuthenticated):
    code = "device_token_invalid"
    message = "Send the device's current token: Authorization: Bearer sydt_…"


class IllegalMove(Conflict):
    code = "illegal_transition"
    message = "The license cannot change to this status."

    def __init__(self, *, former: str, wanted: str) -> None:
        super().__init__(**{"from": former, "to": wanted})


REFUSALS: dict[Code, type[Conflict]] = {
    Code.REVOKED: LicenseRevoked,
    Code.SUSPENDED: LicenseSuspended,
    Code.NOT_STARTED: LicenseNotStarted,
    Code.EXPIRED: LicenseExpired,
    Code.PAYMENT_OVERDUE: LicensePaymentOverdue,
}
