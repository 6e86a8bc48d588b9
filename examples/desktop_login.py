"""A desktop app signs in through the person's own browser. Standard library only.

    python3 desktop_login.py --server http://127.0.0.1:8000

The system browser opens, the person signs in there (with whatever second factor they have) and
says yes; the browser brings a one-time code to a port of this machine, and the app trades it for
tokens with PKCE. It never sees the password. The refresh token is kept in a file that only you can
read, so the next start needs no browser; --sign-out ends the session. (RFC 8252, RFC 7636)
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.server
import json
import os
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
import webbrowser
from pathlib import Path
from typing import Any

CLIENT = "switchyard-desktop"
AGENT = "desktop-login/1.0"
PATIENCE = 300  # seconds that the person may take


class Refused(Exception):
    def __init__(self, document: dict[str, Any], status: int) -> None:
        self.code = str(document.get("code", ""))
        super().__init__(document.get("detail") or f"HTTP {status}")


def call(
    url: str, body: dict[str, Any] | None = None, token: str = "", method: str = "POST"
) -> Any:
    headers = {"Content-Type": "application/json", "User-Agent": AGENT}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        try:
            document = json.loads(error.read())
        except ValueError:
            document = {}
        raise Refused(document, error.code) from error


class Answer(http.server.BaseHTTPRequestHandler):
    """Takes what the browser brings back; anything else on this port is not for us."""

    def do_GET(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        given = {name: values[0] for name, values in urllib.parse.parse_qs(address.query).items()}
        expected = self.server.expected  # type: ignore[attr-defined]
        if address.path != "/callback" or not secrets.compare_digest(
            given.get("state", "").encode(), expected.encode()
        ):
            self.send_error(404)
            return
        self.server.given = given  # type: ignore[attr-defined]
        text = b"<!doctype html><title>Done</title><p>Done. Go back to the app."
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the code out of any log."""


def sign_in(server: str, *, open_browser: bool) -> dict[str, Any]:
    """Ask the person in their browser; return the tokens."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    digest = hashlib.sha256(verifier.encode()).digest()
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as waiting:
        waiting.expected, waiting.given = state, None  # type: ignore[attr-defined]
        waiting.timeout = PATIENCE
        back = f"http://127.0.0.1:{waiting.server_port}/callback"
        question = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": back,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "state": state,
        }
        address = f"{server}/bridge/authorize?{urllib.parse.urlencode(question)}"
        print(f"sign in here: {address}", flush=True)
        if open_browser:
            webbrowser.open(address)
        given = wait_for_answer(waiting)
    if "code" not in given:
        raise Refused(
            {"code": given.get("error", "no_answer"), "detail": "You were not let in."}, 0
        )
    body = {"code": given["code"], "verifier": verifier, "client_id": CLIENT, "redirect_uri": back}
    return call(f"{server}/api/v1/auth/bridge/redeem", body)


def wait_for_answer(waiting: Any) -> dict[str, str]:
    for _ in range(20):  # a browser also asks for icons; a stranger may knock
        waiting.handle_request()
        if waiting.given is not None:
            return waiting.given
    return {}


def load(path: Path) -> str:
    return json.loads(path.read_text())["refresh_token"] if path.exists() else ""


def save(path: Path, tokens: dict[str, Any]) -> None:
    """Replace the file at once, readable by its owner only from the first byte on."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"refresh_token": tokens["refresh_token"]}, file)
    fresh.replace(path)


def tokens_for(server: str, path: Path, *, open_browser: bool) -> dict[str, Any]:
    """Carry the kept session on, or begin one."""
    kept = load(path)
    if kept:
        try:
            return call(f"{server}/api/v1/auth/refresh", {"refresh_token": kept})
        except Refused as refusal:
            print(f"the kept session is over [{refusal.code}]")
    return sign_in(server, open_browser=open_browser)


def report(server: str, token: str) -> None:
    """Tell the server that we started, and learn for whom we work."""
    event = {"id": str(uuid.uuid4()), "type": "app.started", "source": "desktop"}
    facts = call(f"{server}/api/v1/sync", {"events": [event]}, token)
    organization = facts["organization"]
    place = f" for {organization['name']}" if organization else ""
    print(f"signed in as {facts['me']['email']}{place}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--session", type=Path, default=Path("desktop-session.json"))
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.add_argument("--sign-out", action="store_true", help="end the kept session")
    options = parser.parse_args()
    server = options.server.rstrip("/")
    try:
        tokens = tokens_for(server, options.session, open_browser=not options.no_browser)
        save(options.session, tokens)
        if options.sign_out:
            call(f"{server}/api/v1/auth/logout", token=tokens["access_token"])
            options.session.unlink()
            print("signed out")
        else:
            report(server, tokens["access_token"])
    except Refused as refusal:
        print(f"refused: {refusal} [{refusal.code}]", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot reach {server}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
