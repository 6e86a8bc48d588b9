"""The Stripe stand-in as a process of its own, and a shop that receives its webhooks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import stripe

KEY = "sk_test_switchyard"
SECRET = "whsec_test"
DEADLINE_SECONDS = 10


class Vendor:
    """Starts on a free port; `control` speaks to /_control, `sdk` is Stripe's own client."""

    def __init__(self, data: str = ":memory:", port: int = 0) -> None:
        self._data = data
        self._start(port)

    def _start(self, port: int) -> None:
        command = [sys.executable, "-m", "billing.standins.stripe", "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, "--data", self._data], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.port = int(self.url.rpartition(":")[2])
        self.http = httpx.Client(base_url=self.url, timeout=DEADLINE_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.http.close()
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def restart(self, number: int = signal.SIGTERM) -> None:
        """Stop, by default politely, and start again on the same port with the same data."""
        self.stop(number)
        self._start(self.port)

    def control(self, name: str, **values: Any) -> dict[str, Any]:
        answer = self.http.post(f"/_control/{name}", json=values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, name: str, **query: str) -> dict[str, Any]:
        return self.http.get(f"/_control/{name}", params=query).json()

    def charges(self) -> int:
        """How often money was taken."""
        return sum(self.ask("stats")["charges_per_payment_intent"].values())

    @contextmanager
    def sdk(self) -> Iterator[Any]:
        """Stripe's services over connections that are closed afterwards."""
        transport = stripe.RequestsClient(timeout=DEADLINE_SECONDS)
        client = stripe.StripeClient(
            KEY, base_addresses={"api": self.url}, http_client=transport, max_network_retries=0
        )
        try:
            yield client.v1
        finally:
            transport.close()


@contextmanager
def running(data: str = ":memory:") -> Iterator[Vendor]:
    vendor = Vendor(data)
    try:
        yield vendor
    finally:
        if vendor.process.poll() is None:
            vendor.stop()


@dataclass
class Shop:
    """Receives webhooks and answers with `statuses` in turn, then with 200."""

    url: str = ""
    received: list[tuple[bytes, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body, _ in list(self.received)]

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events()]


@contextmanager
def shop() -> Iterator[Shop]:
    receiver = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((body, self.headers["Stripe-Signature"]))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until(happened: Callable[[], Any]) -> Any:
    """Poll until something is true, or fail after the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if result := happened():
            return result
        time.sleep(0.01)
    raise AssertionError(f"did not happen within {DEADLINE_SECONDS} s")
