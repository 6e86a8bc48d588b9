"""The transport: HTTP/1.1 on a loopback address, one thread a connection.

Hand-written on the standard library because it must be able to cut a connection
in the middle of an answer, which no framework lets it do.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from billing.standins.stripe import deliveries
from billing.standins.stripe.api import Api
from billing.standins.stripe.checkout import Checkout
from billing.standins.stripe.control import Control
from billing.standins.stripe.faults import Dice
from billing.standins.stripe.sender import Sender
from billing.standins.stripe.store import Store
from billing.standins.stripe.web import Request, Response, json_response, redirect

_MAX_BODY = 1_000_000


class StripeStandIn:
    """The whole vendor: start it, give ``url`` to the SDK, stop it."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, data: str = ":memory:") -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("The stand-in listens on loopback addresses only.")
        self._store = Store(data)
        self._server = _Server((host, port), _Handler)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        dice = Dice(self._store)
        api = Api(self._store, dice, self.url)
        self._server.parts = {
            "/v1/": api,
            "/_control/": Control(self._store, dice, api, self.url),
            "/c/": Checkout(self._store, self.url),
        }
        self._sender = Sender(self._store)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def send_webhooks_to(self, url: str, secret: str) -> None:
        deliveries.add_endpoint(self._store, url, secret)

    def start(self) -> None:
        self._sender.start()
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._sender.stop()
        self._store.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    parts: dict[str, Any]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news; everything else is a defect."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what was asked is at /_control/requests."""

    def _serve(self) -> None:
        response = self._answer()
        if response.lost:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(_encode(response))

    def _answer(self) -> Response:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return json_response(413, {"error": {"message": "Send a Content-Length up to 1 MB."}})
        body = self.rfile.read(int(length))
        # A web page elsewhere could otherwise reach this address through its own host name.
        if not _is_local(self.headers.get("Host", "")):
            return json_response(421, {"error": {"message": "Unknown host name."}})
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parts.query, headers, body)
        for prefix, part in self.server.parts.items():
            if parts.path.startswith(prefix):
                return _safely(part, request)
        if parts.path == "/":
            return redirect("/_control/stats")
        return json_response(404, {"error": {"message": "Not found."}})


def _safely(part: Any, request: Request) -> Response:
    try:
        response: Response = part.answer(request)
        return response
    except Exception:
        traceback.print_exc()
        message = "The stand-in has a defect; its console says which."
        return json_response(500, {"error": {"type": "api_error", "message": message}})


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _encode(response: Response) -> bytes:
    """Head and body in one write, so that they leave in one packet."""
    headers = {**response.headers, "Content-Length": str(len(response.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    phrase = HTTPStatus(response.status).phrase
    head = f"HTTP/1.1 {response.status} {phrase}\r\n{lines}\r\n"
    return head.encode("latin-1", "replace") + response.body
