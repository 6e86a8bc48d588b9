"""A machine without a browser signs in: it shows a code, a person types it elsewhere.

    python3 headless_login.py --server http://127.0.0.1:8000 --name build-7

Standard library only. It waits as long between two questions as the server asks, and keeps the
refresh token in a file that only you can read, so that the next start asks nobody. (RFC 8628)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CLIENT = "switchyard-cli"
AGENT = "headless-login/1.0"


class Refused(Exception):
    def __init__(self, document: dict[str, Any], status: int) -> None:
        self.code = str(document.get("code", ""))
        self.data: dict[str, Any] = document.get("data") or {}
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


def sign_in(server: str, name: str) -> dict[str, Any]:
    """Show a code and wait until a person has decided; return the tokens."""
    asked = call(f"{server}/api/v1/auth/device", {"client_id": CLIENT, "client_name": name})
    print(f"open {asked['verification_uri']} and enter {asked['user_code']}", flush=True)
    question = {"device_code": asked["device_code"], "client_id": CLIENT}
    interval = asked["interval"]
    while True:
        time.sleep(interval)
        try:
            return call(f"{server}/api/v1/auth/device/token", question)
        except Refused as refusal:
            if refusal.code not in ("authorization_pending", "slow_down"):
                raise
            interval = max(interval, refusal.data.get("interval", interval))


def load(path: Path) -> str:
    return json.loads(path.read_text())["refresh_token"] if path.exists() else ""


def save(path: Path, tokens: dict[str, Any]) -> None:
    """Replace the file at once, readable by its owner only from the first byte on."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"refresh_token": tokens["refresh_token"]}, file)
    fresh.replace(path)


def tokens_for(server: str, path: Path, name: str) -> dict[str, Any]:
    """Carry the kept session on, or begin one."""
    kept = load(path)
    if kept:
        try:
            return call(f"{server}/api/v1/auth/refresh", {"refresh_token": kept})
        except Refused as refusal:
            print(f"the kept session is over [{refusal.code}]")
    return sign_in(server, name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--name", default=platform.node() or "headless", help="of this machine")
    parser.add_argument("--session", type=Path, default=Path("headless-session.json"))
    options = parser.parse_args()
    server = options.server.rstrip("/")
    try:
        tokens = tokens_for(server, options.session, options.name)
        save(options.session, tokens)
        me = call(f"{server}/api/v1/me", token=tokens["access_token"], method="GET")
        print(f"signed in as {me['email']} for {me['organization']['name']}", flush=True)
    except Refused as refusal:
        print(f"refused: {refusal} [{refusal.code}]", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot reach {server}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
