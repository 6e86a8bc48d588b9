"""The provider's signing keys: the one it publishes, and one it does not, for bad signatures."""

from __future__ import annotations

import json
from typing import Any

import jwt
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
            return jwt.encode(claims, None, algorithm="none", headers=headers)
        if fault == "alg_hs256":
            # The old trick: the published key used as if it were a shared secret.
            secret = json.dumps(self.published()["keys"][0]).encode()
            return jwt.encode(claims, secret, algorithm="HS256", headers=headers)
        key = self._foreign if fault == "bad_signature" else self._real
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)
