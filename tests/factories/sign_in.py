"""Browsers that sign in as people do: by the form, with a code, or through a provider."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from tests.conftest import WalledClient

PASSWORD = "correct horse battery"
SECRET = "JBSWY3DPEHPK3PXP"
FIREFOX = "Mozilla/5.0 (X11; Linux) Firefox/143.0"
EDGE = "Mozilla/5.0 (Windows) Edg/140"


def code_for(secret: str = SECRET) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def sign_in(
    client: Client, email: str = "alice@example.com", password: str = PASSWORD, **extra: Any
) -> Any:
    return client.post("/login/", {"login": email, "password": password}, **extra)


def browser(
    email: str = "alice@example.com", *, agent: str = FIREFOX, ip: str = "192.0.2.1"
) -> WalledClient:
    """Return a browser that has just signed in with the password."""
    client = WalledClient(headers={"User-Agent": agent}, REMOTE_ADDR=ip)
    answer = sign_in(client, email)
    assert answer.status_code == 302, answer.content[:300]
    return client


def enrol(user: User, secret: str = SECRET) -> Authenticator:
    """Give the person an authenticator app."""
    data = {"secret": get_adapter().encrypt(secret)}
    return Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)


def later(client: Client, seconds: int = 301) -> None:
    """Let time pass since the browser last proved who it is."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def leave(client: WalledClient, *, process: str = "login") -> str:
    """Press the button; return the address at the provider."""
    answer = client.post("/sign-in/openid/", {"process": process})
    assert answer.status_code == 302, answer.content[:300]
    return str(answer["Location"])


def agree(address: str, subject: str) -> str:
    """Say yes at the provider; return the path and query that lead back."""
    assert httpx.get(address).status_code == 200
    back = httpx.post(address, data={"subject": subject}).headers["Location"]
    parts = urlsplit(back)
    return f"{parts.path}?{parts.query}"


def come_in(client: WalledClient, subject: str = "1001", *, process: str = "login") -> Any:
    return client.get(agree(leave(client, process=process), subject))
