"""How we reach Stripe: pinned version, timeouts, no retries of its own, our errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import stripe
from django.conf import settings

from billing.gateways import stripe_answers
from billing.gateways.types import CardDeclined
from config.kit.errors import GatewayError

API_VERSION: Final = "2026-10-28.endive"
CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Configuration:
    secret_key: str = field(repr=False)
    api_base: str  # empty is the real Stripe
    webhook_secret: str = field(repr=False)


def configuration() -> Configuration:
    return Configuration(
        secret_key=settings.STRIPE_SECRET_KEY,
        api_base=settings.STRIPE_API_BASE,
        webhook_secret=settings.STRIPE_WEBHOOK_SECRET,
    )


def client() -> stripe.StripeClient:
    return _client(configuration())


@lru_cache(maxsize=4)
def _client(chosen: Configuration) -> stripe.StripeClient:
    """One client a configuration, so that connections are kept; sessions are per thread.

    The SDK's own retries are off: it would make up a key where we gave none, and our rows
    are the retry. Its default timeout is 80 seconds.
    """
    if not chosen.secret_key:
        raise GatewayError("Stripe has no secret key.", retryable=False, code="not_configured")
    transport = stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS))
    return stripe.StripeClient(
        chosen.secret_key,
        stripe_version=API_VERSION,
        base_addresses={"api": chosen.api_base} if chosen.api_base else None,
        http_client=transport,
        max_network_retries=0,
    )


@contextmanager
def translated() -> Iterator[None]:
    """Stripe's errors as ours: a decline, a refusal, or an outcome we do not know."""
    try:
        yield
    except stripe.CardError as error:
        raise _declined(error) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        code = "rate_limited" if isinstance(error, stripe.RateLimitError) else "no_answer"
        raise GatewayError(_words(error), retryable=True, code=code) from error
    except stripe.IdempotencyError as error:
        raise GatewayError(_words(error), retryable=False, code="key_reused") from error
    except stripe.APIError as error:
        raise _unknown(error) from error
    except stripe.StripeError as error:
        raise GatewayError(_words(error), retryable=False, code=error.code or "refused") from error


def _declined(error: stripe.CardError) -> CardDeclined:
    body = error.json_body if isinstance(error.json_body, Mapping) else {}
    envelope = body.get("error", {})
    intent = envelope.get("payment_intent")
    return CardDeclined(
        envelope.get("message", ""),
        decline_code=envelope.get("decline_code") or envelope.get("code") or "unknown",
        payment=stripe_answers.payment(intent) if intent else None,
    )


def _unknown(error: stripe.APIError) -> GatewayError:
    """A 500 that is replayed under its key will never change: look the payment up instead."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if headers.get("idempotent-replayed") == "true":
        return GatewayError(_words(error), retryable=False, code="saved_failure")
    code = "in_progress" if error.http_status == 409 else "server_error"
    return GatewayError(_words(error), retryable=True, code=code)


def _words(error: stripe.StripeError) -> str:
    return f"Stripe: {error.user_message or type(error).__name__} ({error.request_id or 'no id'})"


def plain(answer: stripe.StripeObject) -> dict[str, Any]:
    """A Stripe object is not a dictionary and holds Decimals; this can be stored as JSON."""
    return answer.to_dict(for_json=True)
