"""Writing and reading access tokens: ES256, ten minutes, keys that can be rotated."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.conf import settings
from jwt.algorithms import ECAlgorithm
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError

from accounts.models import User
from accounts.rules.sessions import AccessTokenRefused
from config.kit.ids import random_token

ALGORITHM = "ES256"
TYPE = "at+jwt"
_WRITTEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_LONGEST = 2048
_CLAIMS = {"exp": int, "iat": int, "jti": str, "sub": str, "sid": str, "tv": int}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a valid token says: whose it is, of which API session, and when it ends."""

    user_id: UUID
    session: UUID
    token_version: int
    jti: str
    expires_at: datetime


@dataclass(frozen=True)
class SigningKey:
    private: ec.EllipticCurvePrivateKey

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public half as programs read it; `kid` is its thumbprint (RFC 7638)."""
        public = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        named = {name: public[name] for name in ("crv", "kty", "x", "y")}
        canonical = json.dumps(named, sort_keys=True, separators=(",", ":")).encode()
        kid = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
        return {**named, "kid": kid, "use": "sig", "alg": ALGORITHM}

    @property
    def kid(self) -> str:
        return self.jwk["kid"]


class KeyRing(TokenBackend):
    """simplejwt's coding with several keys: the newest signs, the header's `kid` says which checks."""

    def __init__(self, keys: list[SigningKey]) -> None:
        super().__init__(ALGORITHM, audience=settings.TOKEN_AUDIENCE, issuer=settings.TOKEN_ISSUER)
        self.keys = {key.kid: key for key in keys}
        self.newest = keys[0]

    def encode(self, payload: dict[str, Any]) -> str:
        claims = {**payload, "aud": self.audience, "iss": self.issuer}
        headers = {"kid": self.newest.kid, "typ": TYPE}
        return jwt.encode(claims, self.newest.private, algorithm=ALGORITHM, headers=headers)

    def get_verifying_key(self, token: Any) -> Any:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("The header cannot be read.") from error
        key = self.keys.get(str(header.get("kid")))
        if key is None or header.get("typ") != TYPE:
            raise TokenBackendError("No key of ours, or no access token.")
        return key.private.public_key()


def key_ring() -> KeyRing:
    """Return the keys of this deployment; raises `ValueError` when one cannot be read."""
    return _key_ring(tuple(settings.SIGNING_KEYS), settings.TOKEN_ISSUER)


@lru_cache(maxsize=4)
def _key_ring(written: tuple[str, ...], _issuer: str) -> KeyRing:
    return KeyRing([_read_key(text) for text in written])


def _read_key(text: str) -> SigningKey:
    key = load_der_private_key(base64.b64decode(text, validate=True), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("not on the curve P-256")
    return SigningKey(key)


def published_keys() -> list[dict[str, str]]:
    """Return the public keys with which anybody may check our tokens (RFC 7517)."""
    return [key.jwk for key in key_ring().keys.values()]


def write_access_token(user: User, *, session: UUID, at: datetime) -> str:
    """Sign a token for the person's API session, good for ten minutes from `at`."""
    issued = int(at.timestamp())
    return key_ring().encode(
        {
            "sub": str(user.pk),
            "sid": str(session),
            "tv": user.token_version,
            "jti": random_token(16),
            "iat": issued,
            "exp": issued + settings.ACCESS_TOKEN_SECONDS,
        }
    )


def read_access_token(written: str) -> AccessToken:
    """Check signature, algorithm, key, type, audience, issuer, times and claims of a token.

    Whether it was ended since is not known here. Raises `AccessTokenRefused`.
    """
    # Padding, blanks and other ways to write the same bytes are refused before any decoding.
    if len(written) > _LONGEST or not _WRITTEN.fullmatch(written):
        raise AccessTokenRefused
    try:
        claims = key_ring().decode(written)  # type: ignore[arg-type]  # written, not made
    except TokenBackendError as error:
        raise AccessTokenRefused from error
    if any(type(claims.get(name)) is not kind for name, kind in _CLAIMS.items()):
        raise AccessTokenRefused
    try:
        user_id, session = UUID(claims["sub"]), UUID(claims["sid"])
    except ValueError as error:
        raise AccessTokenRefused from error
    ends = datetime.fromtimestamp(claims["exp"], tz=UTC)
    return AccessToken(user_id, session, claims["tv"], claims["jti"], ends)
