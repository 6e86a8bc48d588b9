"""The whole house as processes: web, back office, worker, beat and the Stripe stand-in."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
from cryptography.fernet import Fernet

from config.embedded.house import QUEUES
from config.embedded.keys import make_signing_key
from config.embedded.ports import first_free
from tests import services

WEBHOOK_SECRET = "whsec_stack"
START_SECONDS = 60
# Two may run at once: each has a number of the Redis server and ports to itself, or the worker of
# one would take the tasks of the other. The numbers before these are the test processes' own.
NAMES = (
    "account", "bench", "browser", "fire", "keys", "logins", "logs", "outage", "schema", "standing",
    "webhooks",
)  # fmt: skip
FIRST_REDIS, FIRST_PORT, PORTS_EACH = 16, 18000, 40


def wait_for(what: Callable[[], Any], *, seconds: float = 20, every: float = 0.05) -> Any:
    """Poll until `what` returns something true; the last falsy answer is in the failure."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what} answered {answer!r}")
        time.sleep(every)


def csrf_token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found, page[:500]
    return found.group(1)


@dataclass
class Stack:
    """Addresses and processes; `kill` and `start` one by name."""

    name: str
    folder: Path
    env: dict[str, str]
    commands: dict[str, list[str]]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def site(self) -> str:
        return self.env["SITE_URL"]

    @property
    def backoffice(self) -> str:
        return self.env["BACKOFFICE_URL"]

    @property
    def stripe(self) -> str:
        return self.env["STRIPE_API_BASE"]

    def start(self, *names: str) -> None:
        for name in names or self.commands:
            log = open(self.folder / f"{name}.log", "ab")  # noqa: SIM115  the child keeps it
            process = "command" if name == "simstripe" else name
            self.running[name] = subprocess.Popen(
                self.commands[name],
                env=self.env | {"SWITCHYARD_PROCESS": process},
                cwd=services.ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            log.close()
        for name in names or self.commands:
            self._wait_until_up(name)

    def _wait_until_up(self, name: str) -> None:
        address = {"web": self.site, "backoffice": self.backoffice, "simstripe": self.stripe}.get(
            name
        )
        if address is None:
            return
        path = "/_control/stats" if name == "simstripe" else "/healthz"

        def up() -> bool:
            process = self.running[name]
            assert process.poll() is None, f"{name} ended: {self.log(name)[-2000:]}"
            try:
                return httpx.get(address + path, timeout=2).status_code < 500
            except httpx.HTTPError:
                return False

        wait_for(up, seconds=START_SECONDS)

    def kill(self, name: str, how: int = signal.SIGKILL) -> None:
        """End a process and everything it started."""
        process = self.running.pop(name)
        os.killpg(process.pid, how)
        process.wait()

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def seed(self) -> dict[str, str]:
        """Fill the demo company; return the generated passwords by e-mail."""
        file = self.folder / "people.json"
        done = subprocess.run(
            [sys.executable, "manage.py", "seed", "--credentials", str(file)],
            cwd=services.ROOT,
            env=self.env | {"SWITCHYARD_PROCESS": "command"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        passwords: dict[str, str] = json.loads(file.read_text())
        return passwords

    def sign_in(self, email: str, password: str) -> httpx.Client:
        """Return a client with the person's session, its CSRF token in the headers."""
        client = httpx.Client(base_url=self.site, timeout=10, headers={"Referer": self.site})
        form = {"login": email, "password": password}
        form["csrfmiddlewaretoken"] = csrf_token(client.get("/login/").text)
        answer = client.post("/login/", data=form)
        assert answer.status_code == 302, answer.text[:500]
        client.headers["X-CSRFToken"] = csrf_token(client.get("/security/").text)
        return client

    def control(self, path: str, **body: Any) -> Any:
        """Call the stand-in's control endpoint."""
        return httpx.post(f"{self.stripe}/_control/{path}", json=body, timeout=10).json()


def make_stack(name: str, folder: Path) -> Stack:
    """Prepare one of `NAMES`, its database cloned, its Redis empty; nothing runs yet."""
    folder.mkdir(parents=True, exist_ok=True)
    database = f"stack_{name}"
    services.build_template()
    services.clone(database)
    number = NAMES.index(name)
    redis_url = services.redis_url(FIRST_REDIS + number)
    redis.Redis.from_url(redis_url).flushdb()
    first = FIRST_PORT + number * PORTS_EACH
    ports: list[int] = []
    for _ in range(3):
        ports.append(first_free(first, taken=ports))
    site, backoffice, stripe = (f"http://127.0.0.1:{port}" for port in ports)
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("COV_")},
        **services.role_urls(database),
        "DATABASE_URL": services.admin_url(database),
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "tests.stack_settings",
        "SWITCHYARD_VAR": str(folder),
        "SECRET_KEY": "stack-" + "x" * 50,
        "SWITCHYARD_SECRETS_KEY": Fernet.generate_key().decode(),
        "SWITCHYARD_SIGNING_KEYS": make_signing_key(),
        "SITE_URL": site,
        "BACKOFFICE_URL": backoffice,
        "STRIPE_API_BASE": stripe,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "SWITCHYARD_DEMO": "1",
        "LOG_LEVEL": "WARNING",
    }
    python = sys.executable

    def granian(port: int) -> list[str]:
        return [
            python, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "--blocking-threads", "4",
            "--no-ws", "--log-level", "warning", "config.wsgi:application",
        ]  # fmt: skip

    celery = [python, "-m", "celery", "-A", "config"]
    commands = {
        "simstripe": [
            python, "manage.py", "simstripe", "--port", str(ports[2]),
            "--data", str(folder / "simstripe.sqlite3"),
            "--webhook-url", f"{site}/webhooks/stripe", "--webhook-secret", WEBHOOK_SECRET,
        ],
        "web": granian(ports[0]),
        "backoffice": granian(ports[1]),
        "worker": [
            *celery, "worker", "-Q", QUEUES, "-c", "2", "--without-mingle", "--without-gossip",
        ],
        "beat": [*celery, "beat", "-s", str(folder / "beat"), "--pidfile="],
    }  # fmt: skip
    return Stack(name, folder, env, commands)
