"""The transport: discovery, the page where one agrees, token, keys and user info over HTTP."""

from __future__ import annotations

import contextlib
import gzip
import html
import ipaddress
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from accounts.standins.openid.provider import FAULTS, Person, Provider, Refused

_MAX_BODY = 64 * 1024
_BLANKS = b" " * (2 * 1024 * 1024)
_PEOPLE = (
    Person("1001", "ada@openid.example", "Ada Byron"),
    Person("1002", "unconfirmed@openid.example", "Una Confirmed", email_verified=False),
)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>OpenID stand-in</title></head>
<body><main><h1>OpenID stand-in</h1><p>Who are you?</p>{people}
<p><a href="{cancel}">Cancel</a></p></main></body></html>"""
_CHOICE = """<form method="post" action="/authorize?{query}">
<button name="subject" value="{subject}">{name}, {email}</button></form>"""


class OpenIdStandIn:
    """The whole provider: start it, give ``url``, ``client`` and ``secret`` to a client, stop it."""

    client = "stand-in-client"
    secret = "stand-in-secret"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("The stand-in listens on loopback addresses only.")
        self._server = _Server((host, port), _Handler)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self.provider = Provider(self.url, self.client, self.secret)
        for person in _PEOPLE:
            self.add(person)
        self._server.provider = self.provider
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def add(self, person: Person) -> None:
        self.provider.people[person.subject] = person

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Provider


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        provider = self.server.provider
        if parts.path == "/.well-known/openid-configuration":
            self._json(200, provider.configuration(), part="configuration")
        elif parts.path == "/jwks":
            self._json(200, provider.keys.published(), part="keys")
        elif parts.path == "/userinfo":
            self._about()
        elif parts.path == "/authorize":
            self._page(query)
        elif parts.path == "/healthz":
            self._json(200, {"status": "ok"})
        elif parts.path == "/favicon.ico":
            self._send(200, b"", "image/x-icon")
        else:
            self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            self._json(413, {"error": "invalid_request"})
            return
        body = self.rfile.read(int(length)).decode(errors="replace")
        if parts.path == "/_control":
            self._control(body)
        elif parts.path == "/token":
            self._token(dict(parse_qsl(body)))
        elif parts.path == "/authorize":
            self._agree(dict(parse_qsl(parts.query)), dict(parse_qsl(body)))
        else:
            self._json(404, {"error": "not_found"})

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _page(self, query: dict[str, str]) -> None:
        try:
            self.server.provider.ask(query)
        except Refused as refusal:
            self._json(400, {"error": str(refusal)})
            return
        again = html.escape(urlencode(query))
        people = "".join(
            _CHOICE.format(query=again, **{
                name: html.escape(str(value)) for name, value in vars(person).items()
            })
            for person in self.server.provider.people.values()
        )  # fmt: skip
        cancel = html.escape(_back(query, error="access_denied"))
        self._send(200, _PAGE.format(people=people, cancel=cancel).encode(), "text/html")

    def _agree(self, query: dict[str, str], form: dict[str, str]) -> None:
        provider = self.server.provider
        person = provider.people.get(form.get("subject", ""))
        try:
            if person is None:
                raise Refused("invalid_request")
            code = provider.grant(person, query)
        except Refused as refusal:
            self._json(400, {"error": str(refusal)})
            return
        self._send(303, b"", "text/plain", Location=_back(query, code=code))

    def _token(self, form: dict[str, str]) -> None:
        if self.server.provider.fault == "token_garbage":
            self._send(200, b"{not json", "application/json")
            return
        try:
            self._json(200, self.server.provider.trade(form), part="token")
        except Refused as refusal:
            self._json(400, {"error": str(refusal)})

    def _about(self) -> None:
        if self.server.provider.fault == "userinfo_error":
            self._json(500, {"error": "server_error"})
            return
        access = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            self._json(200, self.server.provider.about(access), part="userinfo")
        except Refused as refusal:
            self._json(401, {"error": str(refusal)})

    def _control(self, body: str) -> None:
        """Set the fault: ``{"fault": "wrong_nonce"}``; an empty one ends it."""
        fault = json.loads(body or "{}").get("fault", "")
        if fault and fault not in FAULTS:
            self._json(400, {"error": f"faults are {', '.join(sorted(FAULTS))}"})
            return
        self.server.provider.fault = fault
        self._json(200, {"fault": fault})

    def _json(self, status: int, value: Any, *, part: str = "") -> None:
        """Answer; `part` is what the faults of answers begin with."""
        body, headers = json.dumps(value).encode(), {}
        fault = self.server.provider.fault
        if fault == f"{part}_long":
            body = _BLANKS + body
        elif fault == f"{part}_packed":
            body, headers = gzip.compress(_BLANKS + body), {"Content-Encoding": "gzip"}
        elif fault == f"{part}_deep":
            body = b"[" * 100_000
        elif fault == f"{part}_drops":
            self._drop(body)
            return
        self._send(status, body, "application/json", **headers)

    def _drop(self, body: bytes) -> None:
        """Send a blank every tenth of a second for as long as anybody listens, or ten seconds."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(100 + len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                self.wfile.write(b" ")
                time.sleep(0.1)
            self.wfile.write(body)

    def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)


def _back(query: dict[str, str], **answer: str) -> str:
    """Return the client's address with the answer and the state it came with."""
    kept = {"state": query["state"]} if "state" in query else {}
    return f"{query.get('redirect_uri', '')}?{urlencode(answer | kept)}"
