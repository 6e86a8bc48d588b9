"""Receives webhooks of Switchyard, verifies them and prints what happened. Python alone will do.

    python3 webhook_receiver.py --port 9000 --secret whsec_...

Then add an endpoint with the address of this program under Webhooks. While you roll the secret,
give --secret twice. With --library messages are verified by `standardwebhooks` instead
(pip install standardwebhooks): both do the same.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE = 300
"""Seconds that a message may be old: a copied one is of no use later."""

LARGEST = 1024 * 1024


class NotGenuine(Exception):
    """Whoever sent this does not have the secret, or sent it long ago."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, at: float) -> dict[str, Any]:
    """Return the message, or raise `NotGenuine`. `body` is the bytes as they came."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(at - int(timestamp)) > TOLERANCE:
        raise NotGenuine("the time is missing or too far away")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for given in headers.get("webhook-signature", "").split(" "):
        if hmac.compare_digest(f"v1,{expected}".encode(), given.encode()):
            message: dict[str, Any] = json.loads(body)
            return message
    raise NotGenuine("no signature fits")


def verify_by_library(
    secret: str, headers: Mapping[str, str], body: bytes, *, at: float
) -> dict[str, Any]:
    """Do the same with the library; it reads the clock itself."""
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError  # noqa: PLC0415

    try:
        message: dict[str, Any] = Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError as error:
        raise NotGenuine(str(error)) from error
    return message


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, 400 to the rest. A message that came twice is printed once."""

    secrets: tuple[str, ...] = ()
    check = staticmethod(verify)
    seen: set[str] = set()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, LARGEST))
        headers = {name.lower(): value for name, value in self.headers.items()}
        message = self._verified(headers, body)
        if message is not None and message["id"] not in self.seen:
            # Answer first, work later: the sender waits five seconds at most.
            self.seen.add(message["id"])
            print(json.dumps({"type": message["type"], "data": message["data"]}), flush=True)
        self.send_response(400 if message is None else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _verified(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
        for secret in self.secrets:
            try:
                return self.check(secret, headers, body, at=time.time())
            except NotGenuine as reason:
                print(f"refused: {reason}", file=sys.stderr, flush=True)
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request: what happened is printed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--secret", action="append", required=True, help="whsec_..., or several")
    parser.add_argument("--library", action="store_true", help="verify with standardwebhooks")
    given = parser.parse_args()
    Receiver.secrets = tuple(given.secret)
    Receiver.check = staticmethod(verify_by_library if given.library else verify)
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}/", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
