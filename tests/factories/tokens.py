"""Test data of API sessions: a client that speaks JSON, a person's session, a second factor."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db import connection
from django.utils.timezone import now

from accounts.models import User
from accounts.rules.handover import challenge_of
from accounts.services.sync import Event, take_events
from accounts.services.tokens import device
from accounts.services.tokens.bridge import issue_code
from accounts.services.tokens.issuing import Issued, begin_session
from tests.conftest import WalledClient

PASSWORD = "correct horse battery"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class ApiClient(WalledClient):
    """A program: sends and reads JSON, with a bearer credential when it has one."""

    def __init__(self, bearer: str = "", **headers: str) -> None:
        super().__init__(enforce_csrf_checks=True)
        self.sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if bearer:
            self.sent["Authorization"] = f"Bearer {bearer}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = self.sent | {name.replace("_", "-"): value for name, value in headers.items()}
        extra: dict[str, Any] = {}
        if body is not None:
            extra = {"data": body, "content_type": "application/json"}
        return getattr(self, method)(f"/api/v1/{path}", headers=sent, **extra)

    def login(self, email: str = "alice@example.com", password: str = PASSWORD) -> Any:
        return self.ask("post", "auth/login", {"email": email, "password": password})


def session_of(user: User, **facts: Any) -> Issued:
    defaults = {"origin": "password", "client_name": "Desk app", "at": now()}
    return begin_session(user, **defaults | facts)


def enroll(user: User) -> str:
    """Give the person an authenticator app and recovery codes; return the app's secret."""
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    return SECRET


def recovery_code(user: User) -> str:
    stored = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    return RecoveryCodes(stored).get_unused_codes()[0]


def code_for(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def race(works: list[Any]) -> list[Any]:
    """Call all of `works` at once, each on a connection of its own; return what they return."""
    ready = Barrier(len(works))

    def run(work: Any) -> Any:
        connection.ensure_connection()
        ready.wait(30)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def leave_traces(user: User, number: int) -> None:
    """What a person's apps leave behind: a session, a hand-over, a device code, a report."""
    session_of(user)
    issue_code(
        user,
        client_id="switchyard-desktop",
        redirect_uri="http://127.0.0.1:49152/",
        challenge=challenge_of("v" * 64),
        session_data={},
        at=now(),
    )
    asked = device.ask(client_id="switchyard-cli", name=f"build-{number}", at=now())
    waiting = device.find_waiting(asked.user_code, at=now())
    assert waiting is not None
    device.decide(waiting, user=user, allow=True, at=now())
    take_events(user, [Event(f"event-{number}", "app.started", "desktop")])
