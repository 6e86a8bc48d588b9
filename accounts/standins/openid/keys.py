"""The provider's signing keys: the one it publishes, and one it does not, for bad signatures."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "stand-in-1"


class Keys:
    def __init__(self) -> None:
        self._real = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def published(self) -> dict[str, Any]:
        """Return the JWK set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._real.public_key()))
        return {"keys": [key | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}

    def sign(self, claims: dict[str, Any], *, fault: str = "") -> str:
        """Return the token; the faults `bad_signature`, `alg_none` and `alg_hs256` spoil it."""
        headers = {"kid": KEY_ID}
        if fault == "alg_none":
            return jwt.encode(claims, "", algorithm="none", headers=headers)
        if fault == "alg_hs256":
            return self._forge(claims)
        key = self._foreign if fault == "bad_signature" else self._real
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)

    def _forge(self, claims: dict[str, Any]) -> str:
        """The old trick: the published key used as if it were a shared secret."""
        secret = self._real.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        head = {"alg": "HS256", "typ": "JWT", "kid": KEY_ID}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (head, claims))
        return f"{signed}.{_encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
