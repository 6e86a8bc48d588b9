"""Why an API key is refused, or may not be made: each with the code programs see."""

from __future__ import annotations

from accounts.rules.verdicts import DETAILS, Code
from config.kit.errors import Conflict, DomainError, Forbidden, InvalidInput, NotAuthenticated


class ApiKeyInvalid(NotAuthenticated):
    code = "api_key_invalid"
    message = "This is no API key of ours. Send one: Authorization: Bearer sw_live_\u2026"


class ApiKeyRevoked(NotAuthenticated):
    code = "api_key_revoked"
    message = DETAILS[Code.REVOKED]


class ApiKeyDisabled(NotAuthenticated):
    code = "api_key_disabled"
    message = DETAILS[Code.DISABLED]


class ApiKeyPending(NotAuthenticated):
    code = "api_key_pending"
    message = DETAILS[Code.PENDING_VERIFICATION]


class ApiKeyExpired(NotAuthenticated):
    code = "api_key_expired"
    message = DETAILS[Code.EXPIRED]


class AddressNotAllowed(Forbidden):
    code = "address_not_allowed"
    message = DETAILS[Code.FORBIDDEN]


class OrganizationSuspended(Forbidden):
    code = "organization_suspended"
    message = DETAILS[Code.ORGANIZATION_SUSPENDED]


class InsufficientScope(Forbidden):
    """`scope` is what the key would need."""

    code = "insufficient_scope"
    message = "The API key lacks the scope for this."

    def __init__(self, scope: str) -> None:
        super().__init__(f"The API key needs the scope {scope}.", scope=scope)


class NeedsAPerson(Forbidden):
    code = "person_required"
    message = "Only a person may do this, signed in. No API key can."


class KeyIsRevoked(Conflict):
    code = "key_revoked"
    message = "This key is revoked for good. Create another."


class KeyIsHeld(Conflict):
    code = "key_held"
    message = "Our staff switched this key off. Ask support, or create another."

    def __init__(self, reason: str) -> None:
        super().__init__(f"{self.message} Their reason: {reason}", reason=reason)


class AddressNotConfirmed(Conflict):
    code = "email_not_confirmed"
    message = "Confirm your own e-mail address first."


class KeyWasRotated(Conflict):
    code = "key_already_rotated"
    message = "This key was replaced already. Rotate the one that replaced it."


class KeyHasExpired(Conflict):
    code = "key_expired"
    message = "This key has expired. Give it a later end first, or create another."


class ScopesNotYours(InvalidInput):
    """Nobody hands on more than they hold themselves."""

    code = "scopes_not_allowed"
    message = "You may not give these scopes."

    def __init__(self, scopes: list[str]) -> None:
        super().__init__(
            errors=[
                {
                    "pointer": "/scopes",
                    "code": "not_allowed",
                    "detail": f"You may not give {scope}.",
                }
                for scope in scopes
            ]
        )


class TierTooHigh(InvalidInput):
    code = "tier_too_high"
    message = "The organization's plan does not include this tier."

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(
            errors=[
                {"pointer": "/tier", "code": "too_high", "detail": f"One of: {', '.join(allowed)}."}
            ]
        )


REFUSALS: dict[Code, type[DomainError]] = {
    Code.NOT_FOUND: ApiKeyInvalid,
    Code.REVOKED: ApiKeyRevoked,
    Code.DISABLED: ApiKeyDisabled,
    Code.PENDING_VERIFICATION: ApiKeyPending,
    Code.EXPIRED: ApiKeyExpired,
    Code.FORBIDDEN: AddressNotAllowed,
    Code.ORGANIZATION_SUSPENDED: OrganizationSuspended,
}
