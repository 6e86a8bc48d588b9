"""AUT-10: secrets of every kind are used and misused; no log line, header or address holds one."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from logging.config import dictConfig
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory
from django.utils.timezone import now

from accounts.services import keys
from config.kit import logs
from tests.conftest import People
from tests.factories.team import invitation_of, token_of
from tests.factories.tokens import ApiClient, session_of
from tests.integration.accounts.tokens.test_bridge import VERIFIER, allowed, redeem
from tests.integration.accounts.tokens.test_device import ask as ask_device
from tests.integration.accounts.tokens.test_device import decide, poll


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the processes write, from the finest level on, in the form they write it."""
    written = io.StringIO()
    configuration = logs.dictionary("DEBUG")
    configuration["handlers"]["stderr"]["stream"] = written
    for name, entry in configuration["loggers"].items():
        if name != "django":  # kept from its templates' everything at any LOG_LEVEL
            entry["level"] = "DEBUG"
    dictConfig(configuration)
    yield written
    dictConfig(settings.LOGGING)


class Watched(ApiClient):
    """Keeps every address that answers lead to, and every header they bear."""

    seen: list[str]

    def __init__(self, bearer: str = "", **headers: str) -> None:
        super().__init__(bearer, **headers)
        self.seen = []

    def request(self, **environ: Any) -> Any:
        answer = super().request(**environ)
        self.seen += [f"{name}: {value}" for name, value in answer.headers.items()]
        return answer


def key_and_session(people: People) -> tuple[dict[str, str], list[str]]:
    """Use an API key and an API session well and badly; return their secrets and what was told."""
    _, secret = keys.issue_key(
        people.organization, name="canary", by=people.alice, scopes=["keys:verify", "usage:read"]
    )
    program = Watched(secret)
    assert program.ask("get", "usage").status_code == 200
    program.ask("get", f"usage?api_key={secret}")
    program.ask("post", "keys/verify", {"key": secret})
    program.ask("post", "keys/verify", {"key": secret + "x"})
    assert program.ask("get", "usage", Authorization=f"Bearer {secret}x").status_code == 401
    session = session_of(people.alice)
    person = Watched(session.access_token)
    assert person.ask("get", "me").status_code == 200
    other = person.ask("post", "auth/refresh", {"refresh_token": session.refresh_token}).json()
    person.ask("post", "auth/refresh", {"refresh_token": session.refresh_token}, User_Agent="t")
    person.ask("get", "me")
    secrets = {
        "API key": secret, "access token": session.access_token,
        "refresh token": session.refresh_token, "its successor": other["refresh_token"],
    }  # fmt: skip
    return secrets, program.seen + person.seen


def hand_over(people: People) -> dict[str, str]:
    code = allowed(people)["code"]
    redeem(code, verifier="w" * 64)
    body = redeem(code).json()
    redeem(code)
    asked = ask_device()
    decide(people.client(people.alice), asked["user_code"])
    poll(asked["device_code"])
    poll(asked["device_code"])
    return {
        "bridge code": code, "verifier": VERIFIER, "its access token": body["access_token"],
        "device code": asked["device_code"],
    }  # fmt: skip


def invite(people: People) -> tuple[dict[str, str], list[str]]:
    """Open an invitation as a guest, and after it was withdrawn."""
    invitation = invitation_of(people.organization, by=people.alice)
    token = token_of(invitation)
    guest = Watched()
    assert guest.get(f"/invitations/{token}/").status_code == 200
    assert guest.get("/invitations/unknown/").status_code == 404
    invitation.refresh_from_db()
    type(invitation).objects.filter(pk=invitation.pk).update(revoked_at=now())
    assert guest.get(f"/invitations/{token}/").status_code == 410
    fail(RequestFactory().get(f"/invitations/{token}/"), token)
    return {"invitation": token}, guest.seen


def fail(request: WSGIRequest, secret: str) -> None:
    """Write what the framework and our own code write when a request breaks."""
    try:
        raise RuntimeError(f"broke at {secret} with {{'refresh_token': '{secret}'}}")
    except RuntimeError as error:
        logging.getLogger("django.request").error(
            "Internal Server Error: %s", request.path, exc_info=error, extra={"request": request}
        )
        structlog.get_logger("switchyard").error(
            "request.broke", path=request.path, facts={"token": secret, "tried": [secret]}
        )


def test_aut_10_no_log_line_header_or_address_holds_a_secret(
    people: People, acting_for: Any, lines: io.StringIO
) -> None:
    """AUT-10, AUD-8 (ASVS 14.2.1, 16.2.5): at the finest log level, refusals and failures too."""
    with acting_for():
        secrets, told = key_and_session(people)
    secrets |= hand_over(people)
    invited, shown = invite(people)
    secrets |= invited
    for name, secret in secrets.items():
        if name != "verifier":
            fail(RequestFactory().get(f"/x/?key={secret}"), secret)
    written = lines.getvalue()
    assert "Internal Server Error" in written
    assert "request.broke" in written
    assert {name for name, secret in secrets.items() if secret in written} == set()
    headers = "\n".join(told + shown)
    assert {name for name, secret in secrets.items() if secret in headers} == set()


def test_aut_10_an_invitations_address_is_told_to_no_other_site(people: People) -> None:
    """AUT-10: pages whose address is a secret send no other site a referrer."""
    token = token_of(invitation_of(people.organization, by=people.alice))
    page = ApiClient().get(f"/invitations/{token}/")
    assert page["Referrer-Policy"] == "same-origin"
    assert page["Cache-Control"] == "no-store"
