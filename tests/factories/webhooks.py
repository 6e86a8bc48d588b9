"""Test data of webhooks, and a receiver: a real server on this machine that can be told to misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from accounts.models import Organization, WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.rules.event_types import TEST
from accounts.rules.signing import make_secret
from accounts.services.webhooks import announce
from accounts.services.webhooks.catalogue import event_types
from config.kit import context
from config.kit.ids import seal

SECRET = make_secret()


def endpoint_of(
    organization: Organization, url: str = "https://hooks.example/", **facts: Any
) -> WebhookEndpoint:
    """An endpoint with a known secret, without asking whether its address may be called."""
    defaults = {"event_types": ["*"], "secret_sealed": seal(SECRET)}
    return WebhookEndpoint.objects.create(organization=organization, url=url, **defaults | facts)


def announced(organization: Organization, type: str = TEST) -> WebhookDelivery:
    """Announce an event of `type` with its example; return its one delivery."""
    with context.acting(organization_id=organization.pk):
        event = announce(organization.pk, type, event_types()[type].example)
        assert event is not None
        return event.deliveries.get()


def many_deliveries(endpoint: WebhookEndpoint, count: int, **facts: Any) -> None:
    """Make so many deliveries of an event each, as rows: sent long ago, or failed."""
    own = {"organization": endpoint.organization}
    made = WebhookEvent.objects.bulk_create(
        WebhookEvent(**own, type=TEST, payload={}) for _ in range(count)
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(**own, event=event, endpoint=endpoint, **facts) for event in made
    )


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came in, and how to answer: a function of the handler."""

    url: str
    messages: list[Received] = field(default_factory=list)
    answer: Callable[[Any], None] = lambda handler: reply(handler, 204)
    most_at_once: int = 0
    now: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def reply(handler: Any, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def drip(handler: Any, seconds: float = 20.0) -> None:
    """Answer a byte at a time, never slowly enough for a timeout of one read."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends:
            handler.wfile.write(b"X-Drop: 1\r\n")
            time.sleep(0.2)
    except OSError:
        pass


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver = self.receiver
        with receiver.lock:
            receiver.messages.append(Received(self.path, headers, body))
            receiver.now += 1
            receiver.most_at_once = max(receiver.most_at_once, receiver.now)
        try:
            receiver.answer(self)
        except OSError:
            pass
        finally:
            with receiver.lock:
                receiver.now -= 1

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def receiving(host: str = "127.0.0.1", port: int = 0, tls: Any = None) -> Iterator[Receiver]:
    """Run a receiver; with `tls`, an SSL context, it speaks https."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "https" if tls is not None else "http"
    handler.receiver = Receiver(f"{scheme}://{host}:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield handler.receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
