"""What makes an OpenID Connect id token believable: signature, issuer, audience, time, nonce."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import jwt

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Public-key signatures only: a client secret is no signing key, and `none` is no signature."""
LEEWAY = 60
"""Seconds by which clocks may differ."""
_REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]


class BadIdToken(ValueError):
    """The token is not what the provider would have sent for this sign-in."""


def read_id_token(
    token: str, *, keys: Mapping[str, Any], issuer: str, audience: str, nonce: str
) -> dict[str, Any]:
    """Return the claims of a token signed by one of `keys` (a JWK set) for this very sign-in.

    The signature is checked although the token came straight from the provider: OpenID Connect
    lets a client skip that behind TLS, and then one wrong proxy setting is a way in.
    """
    try:
        key = _key_for(token, keys)
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=list(ALGORITHMS),
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            options={"require": _REQUIRED},
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise BadIdToken(str(error)) from error
    if not nonce or not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise BadIdToken("the nonce is not the one this sign-in began with")
    if claims.get("azp", audience) != audience:
        raise BadIdToken("the token was made for another client")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
        raise BadIdToken("the token has several audiences and does not say for whom it was made")
    return claims


def _key_for(token: str, keys: Mapping[str, Any]) -> jwt.PyJWK:
    wanted = jwt.get_unverified_header(token).get("kid")
    offered = jwt.PyJWKSet.from_dict(dict(keys)).keys
    for key in offered:
        if key.key_id == wanted or (wanted is None and len(offered) == 1):
            return key
    raise BadIdToken("no key of the provider has the token's key id")
