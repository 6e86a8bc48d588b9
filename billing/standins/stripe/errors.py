"""The errors the stand-in answers with, in Stripe's envelope."""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """One refusal: its HTTP status and its envelope.

    ``keep`` says that what was written before the refusal stays (a declined
    charge is a fact). ``remember`` says that an idempotency key replays it:
    Stripe forgets what failed validation and remembers what was executed.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        keep: bool = False,
        remember: bool = False,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.keep = keep
        self.remember = remember
        self.error: dict[str, Any] = {"type": kind, "message": message}
        if code is not None:
            self.error["code"] = code
        if param is not None:
            self.error["param"] = param
        self.error.update(details or {})

    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    return StripeError(400, "invalid_request_error", message, code=code, param=param)


def missing_parameter(name: str) -> StripeError:
    return invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")


def unknown_parameter(name: str) -> StripeError:
    return invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def no_such(noun: str, identifier: str, *, param: str = "id", status: int = 404) -> StripeError:
    return StripeError(
        status,
        "invalid_request_error",
        f"No such {noun}: '{identifier}'",
        code="resource_missing",
        param=param,
    )


def unexpected_state(noun: str, message: str, obj: dict[str, Any]) -> StripeError:
    """The object exists but its status does not allow this; remembered, as Stripe does."""
    return StripeError(
        400,
        "invalid_request_error",
        message,
        code=f"{noun}_unexpected_state",
        remember=True,
        details={noun: obj},
    )


def card_error(
    code: str, message: str, *, decline_code: str | None = None, **details: Any
) -> StripeError:
    if decline_code is not None:
        details["decline_code"] = decline_code
    return StripeError(
        402, "card_error", message, code=code, keep=True, remember=True, details=details
    )


def unauthorized(message: str) -> StripeError:
    return StripeError(401, "invalid_request_error", message)


def server_fault(status: int = 500) -> StripeError:
    return StripeError(status, "api_error", "The stand-in was told to fail here.")


def rate_limited() -> StripeError:
    return StripeError(
        429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit"
    )


def key_reused(key: str) -> StripeError:
    return StripeError(
        400,
        "idempotency_error",
        "Keys for idempotent requests can only be used with the same parameters they were "
        f"first used with. Try using a key other than '{key}' if you meant to execute a "
        "different request.",
    )


def key_in_use(key: str) -> StripeError:
    return StripeError(
        409,
        "idempotency_error",
        f"There is currently another in-progress request using the idempotency key '{key}'. "
        "Please try again later.",
        code="idempotency_key_in_use",
    )
