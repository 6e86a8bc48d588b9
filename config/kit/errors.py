"""Refusals: every error a customer can meet has a stable code, a status and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal that is the caller's to solve; one handler renders it for API and pages.

    `code` is part of the public contract (docs/errors.md) and never changes once shipped.
    `data` is shown to the caller: ids and numbers only, never another tenant's facts.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    message: ClassVar[str] = "This is not possible in the current state."

    def __init__(self, message: str = "", **data: Any) -> None:
        self.detail = message or self.message
        self.data: Mapping[str, Any] = data
        super().__init__(self.detail)


class InvalidInput(DomainError):
    """The shape of the request is wrong; `errors` names each field by JSON pointer."""

    code = "invalid_input"
    status = 422
    message = "Some fields are not valid."

    def __init__(self, message: str = "", *, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []


class NotFound(DomainError):
    """Unknown, or another tenant's: both look the same from outside."""

    code = "not_found"
    status = 404
    message = "There is nothing here."


class Forbidden(DomainError):
    code = "forbidden"
    status = 403
    message = "Your role does not allow this."


class NotAuthenticated(DomainError):
    code = "not_authenticated"
    status = 401
    message = "Sign in or send a valid credential."


class Conflict(DomainError):
    code = "conflict"
    status = 409


class LimitReached(DomainError):
    code = "limit_reached"
    status = 409
    message = "The limit of the plan is reached."


class RateLimited(DomainError):
    """Too many requests; `retry_after` is in whole seconds."""

    code = "rate_limited"
    status = 429
    message = "Too many requests. Try again later."

    def __init__(self, message: str = "", *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after


class TooManyRequests(RateLimited):
    """A counted limit is passed; `limit` is how many are allowed a minute."""

    def __init__(self, message: str = "", *, limit: int, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.limit = limit


class WrongMethod(DomainError):
    code = "method_not_allowed"
    status = 405
    message = "Use POST."


class BodyTooLarge(DomainError):
    code = "body_too_large"
    status = 413
    message = "The request body is too large."


class Unavailable(DomainError):
    code = "unavailable"
    status = 503
    message = "The service is briefly unavailable. Nothing was changed. Try again."


class GatewayError(Exception):
    """A vendor did not do what was asked.

    `retryable` is true when the outcome is unknown or the vendor asks to come back: the same
    request may be sent again with the same idempotency key, never with a new one.
    """

    def __init__(self, message: str, *, retryable: bool, code: str = "") -> None:
        super().__init__(message)
        self.retryable = retryable
        self.code = code
