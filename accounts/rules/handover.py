"""PKCE, loopback addresses and user codes: what makes handing a login over safe."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from urllib.parse import urlencode, urlsplit

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PATH = re.compile(r"(/[A-Za-z0-9._~/-]*)?")
_LOOPBACK = ("127.0.0.1", "::1")
# Consonants that nobody mistakes for another and that spell no word (RFC 8628, 6.1).
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LENGTH = 8


def is_challenge(text: str) -> bool:
    return _CHALLENGE.fullmatch(text) is not None


def answers(verifier: str, challenge: str) -> bool:
    """Tell whether `verifier` is what the S256 `challenge` was made from (RFC 7636)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_loopback(address: str) -> bool:
    """Tell whether `address` leads to a port of the person's own machine and nowhere else.

    Names are refused, localhost too: what they resolve to is not ours to know (RFC 8252, 8.3).
    """
    if len(address) > 255 or not address.isascii() or not address.isprintable():
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    literal = f"[{host}]" if ":" in host else host
    return (
        parts.scheme == "http"
        and host in _LOOPBACK
        and port is not None
        and port > 0
        and parts.netloc == f"{literal}:{port}"
        and _PATH.fullmatch(parts.path) is not None
        and address == f"http://{parts.netloc}{parts.path}"
    )


def returning(redirect_uri: str, state: str, **answer: str) -> str:
    """Return the address that brings `answer` back to the app."""
    if state:
        answer["state"] = state
    return f"{redirect_uri}?{urlencode(answer)}"


def read_user_code(text: str) -> str | None:
    """Return what a person typed as we keep it; None when it cannot be a code."""
    code = re.sub(r"[\s-]", "", text).upper()
    if len(code) != CODE_LENGTH or any(letter not in ALPHABET for letter in code):
        return None
    return code


def shown_user_code(code: str) -> str:
    """Write a code as people read it: WDJB-MJHT."""
    return f"{code[:4]}-{code[4:]}"
