"""Sends signed webhooks in the background, over new connections, without following redirects."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from billing.standins.stripe import deliveries, events
from billing.standins.stripe.store import Store

_SENDERS = 4
_POLL_SECONDS = 0.02
_TIMEOUT_SECONDS = 10
_STOP_SECONDS = 2


def signature(payload: bytes, secret: str, at: int) -> str:
    """The ``Stripe-Signature`` header: HMAC-SHA256 over time, a dot and the raw body."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


class Sender:
    """A few threads that claim due deliveries until they are told to stop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stopped = threading.Event()
        self._abandoned = False
        self._threads = [
            threading.Thread(target=self._work, name=f"webhook-{number}", daemon=True)
            for number in range(_SENDERS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        self._abandoned = True

    def _work(self) -> None:
        while not self._stopped.is_set():
            delivery = deliveries.claim(self._store)
            if delivery is None:
                self._stopped.wait(_POLL_SECONDS)
                continue
            answer = self._send(delivery)
            if self._abandoned:
                # The receiver took too long and the store is closed: sent again after a restart.
                return
            deliveries.settle(self._store, delivery, answer)

    def _send(self, delivery: deliveries.Delivery) -> int | None:
        event = self._store.find("event", delivery.event_id)
        if event is None:
            return None
        payload = json.dumps(events.with_pending(self._store, event)).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, delivery.secret, int(time.time())),
            "User-Agent": "Stripe/1.0 (stand-in)",
        }
        try:
            return _post(delivery.url, payload, headers)
        except (OSError, http.client.HTTPException):
            return None


def _post(url: str, payload: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    https = parts.scheme == "https"
    kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT_SECONDS)
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    try:
        connection.request("POST", target, body=payload, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
