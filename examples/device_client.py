"""A device that runs licensed software: activate, validate, stay online. Standard library only.

    python3 device_client.py --server http://127.0.0.1:8000 --key SWY-XXXXX-...

Start from this file for your own program. It keeps its token in a file that only you can read,
so that the next start needs no key, beats as often as the server asks, and says in words what a
refusal means. Ctrl-C stops it; with --deactivate its seat is free afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

VERSION = "1.0"
NO_CONNECTION = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


class Refused(Exception):
    def __init__(self, status: int, document: dict[str, Any], retry_after: int = 0) -> None:
        self.status, self.code = status, str(document.get("code", ""))
        self.retry_after = retry_after
        super().__init__(document.get("detail") or f"HTTP {status}")


def post(url: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "User-Agent": f"device-client/{VERSION}"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = b"" if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        try:
            document = json.loads(error.read())
        except ValueError:
            document = {}
        wait = error.headers.get("Retry-After", "0")
        raise Refused(error.code, document, int(wait) if wait.isdigit() else 0) from error


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"device_id": str(uuid.uuid4())}


def save(path: Path, state: dict[str, Any]) -> None:
    """Replace the file at once, readable by its owner only from the first byte on."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(state, file)
    fresh.replace(path)


def activate(server: str, key: str, name: str, state: dict[str, Any]) -> None:
    device = {"device_id": state["device_id"], "device_name": name, "hostname": platform.node()}
    device |= {"platform": platform.system().lower(), "app_version": VERSION, "license_key": key}
    answer = post(f"{server}/api/v1/licenses/activate", device)
    state |= {"token": answer["token"], "heartbeat": answer["heartbeat_path"], "key": key}
    seats = answer["license"]
    print(f"activated: {seats['active_devices']} of {seats['max_devices']} seats in use")


def validate(server: str, state: dict[str, Any]) -> None:
    question = {"license_key": state["key"], "device_id": state["device_id"]}
    answer = post(f"{server}/api/v1/licenses/validate", question)
    print(f"license: {answer['code']} - {answer['detail']}")


def stay_online(server: str, state: dict[str, Any]) -> None:
    """Beat until stopped. A server that is away is no reason to stop; a refusal is."""
    while True:
        wait = 30
        try:
            answer = post(f"{server}{state['heartbeat']}", token=state["token"])
            wait = answer["next_in"]
            print(f"online: {answer['code']}, next beat in {wait} s", flush=True)
        except Refused as refused:
            if refused.status != 429 and refused.status < 500:
                raise
            wait = max(refused.retry_after, 5)
            print(f"server is busy, next try in {wait} s", flush=True)
        except NO_CONNECTION as error:
            print(f"no connection ({error}), next try in {wait} s", flush=True)
        time.sleep(wait)


def run(server: str, options: argparse.Namespace) -> None:
    state = load(options.state)
    if options.key:
        activate(server, options.key, options.name, state)
        save(options.state, state)
    elif "token" not in state:
        sys.exit("--key is needed the first time")
    try:
        validate(server, state)
        stay_online(server, state)
    except KeyboardInterrupt:
        if options.deactivate:
            post(f"{server}/api/v1/licenses/deactivate", token=state["token"])
            options.state.unlink()
            print("deactivated: the seat is free")


def main() -> int:
    parser = argparse.ArgumentParser(description="Activate this device and keep it online.")
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--key", help="license key; needed the first time")
    parser.add_argument("--name", default=platform.node() or "device", help="shown to people")
    parser.add_argument("--state", type=Path, default=Path("device.json"), help="token file")
    parser.add_argument("--deactivate", action="store_true", help="free the seat on Ctrl-C")
    options = parser.parse_args()
    server = options.server.rstrip("/")
    try:
        run(server, options)
    except KeyboardInterrupt:
        return 130
    except Refused as refused:
        print(f"refused: {refused} [{refused.code}]", file=sys.stderr)
        return 1
    except NO_CONNECTION as error:
        print(f"cannot reach {server}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
