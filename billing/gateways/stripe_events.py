"""Stripe's notices: signed webhooks read, and the list of those that never arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import stripe

from billing.gateways import stripe_answers as answers
from billing.gateways.stripe_connection import client, configuration, plain, translated
from billing.gateways.types import BadSignature, VendorEvent
from config.kit.errors import GatewayError

SIGNATURE_TOLERANCE_SECONDS: Final = 300
_PAGE: Final = 100


def list_events(
    *, since: datetime, undelivered: bool = False, kinds: Sequence[str] = ()
) -> Iterator[VendorEvent]:
    """Events since a moment, newest first; `undelivered` are those we never acknowledged."""
    params: stripe.params.EventListParams = {
        "created": {"gte": int(since.timestamp())},
        "limit": _PAGE,
    }
    if undelivered:
        params["delivery_success"] = False
    if kinds:
        params["types"] = list(kinds)
    with translated():
        for event in client().v1.events.list(params).auto_paging_iter():
            yield answers.event(plain(event))


def read_event(*, body: bytes, signature: str) -> VendorEvent:
    """The event in a webhook's raw body; raises `BadSignature` unless Stripe sent it just now."""
    secret = configuration().webhook_secret
    if not secret:
        raise GatewayError("There is no webhook secret.", retryable=False, code="not_configured")
    try:
        # The SDK compares as text and fails on anything beyond ASCII.
        text = body.decode() if signature.isascii() else ""
        stripe.WebhookSignature.verify_header(text, signature, secret, SIGNATURE_TOLERANCE_SECONDS)
        event = answers.event(json.loads(text))
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
        raise BadSignature from error
    except (ValueError, LookupError, TypeError) as error:
        raise BadSignature("This is signed, but it is not an event.") from error
    _refuse_future(signature)
    return event


def _refuse_future(signature: str) -> None:
    """The SDK refuses old signatures only; one from the future could be replayed for long."""
    stamps = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    if int(stamps[0]) > time.time() + SIGNATURE_TOLERANCE_SECONDS:
        raise BadSignature("The signature is from the future.")
