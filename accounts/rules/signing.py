"""Signatures of outgoing webhooks, as the open specification Standard Webhooks writes them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks.webhooks import Webhook

PREFIX = "whsec_"
_BYTES = 32


def make_secret() -> str:
    """Return a new secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers_of(
    message_id: str, *, at: datetime, body: bytes, keys: Iterable[str]
) -> dict[str, str]:
    """Return the three headers; while a secret is being replaced there is a signature for each.

    The id is the same at each try, the timestamp is that of the try.
    """
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, text) for key in keys),
    }
