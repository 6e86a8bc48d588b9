"""The provider's rules: codes used once, PKCE, id tokens, user info, and faults on request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from accounts.standins.openid.keys import Keys

FAULTS = frozenset(
    {
        "wrong_nonce", "no_nonce", "wrong_audience", "wrong_issuer", "expired", "bad_signature",
        "alg_none", "alg_hs256", "no_id_token", "other_subject", "token_error", "token_garbage",
        "userinfo_error", "userinfo_list", "configuration_list", "issuer_number",
        "userinfo_deep", "configuration_drops",
        # The right answer behind more blanks than anybody should read; JSON allows them.
        "configuration_long", "token_long", "keys_long", "userinfo_long", "userinfo_packed",
    }
)  # fmt: skip
CODE_SECONDS = 60
TOKEN_SECONDS = 600


@dataclass(frozen=True)
class Person:
    """Somebody with an account at the provider."""

    subject: str
    email: str
    name: str
    email_verified: bool = True


@dataclass(frozen=True)
class Grant:
    """What a code stands for until it is traded."""

    person: Person
    client: str
    redirect_uri: str
    nonce: str
    challenge: str
    expires: float


class Refused(Exception):
    """An OAuth error: its code is the answer's `error`."""


@dataclass
class Provider:
    """`fault` is one of FAULTS or empty; it holds until it is changed."""

    issuer: str
    client: str
    secret: str
    people: dict[str, Person] = field(default_factory=dict)
    fault: str = ""
    keys: Keys = field(default_factory=Keys)

    def __post_init__(self) -> None:
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Person] = {}
        self._lock = threading.Lock()

    def configuration(self) -> Any:
        issuer = self.issuer
        if self.fault == "configuration_list":
            return [issuer]
        return {
            "issuer": 1 if self.fault == "issuer_number" else issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        }

    def ask(self, query: dict[str, str]) -> None:
        """Refuse an authorization request that a real provider would refuse."""
        if query.get("client_id") != self.client:
            raise Refused("unauthorized_client")
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            raise Refused("invalid_request")
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise Refused("invalid_request")

    def grant(self, person: Person, query: dict[str, str]) -> str:
        """Return a code for the person who agreed."""
        self.ask(query)
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[code] = Grant(
                person,
                query["client_id"],
                query.get("redirect_uri", ""),
                query.get("nonce", ""),
                query["code_challenge"],
                time.time() + CODE_SECONDS,
            )
        return code

    def trade(self, form: dict[str, str]) -> dict[str, Any]:
        """Return the tokens for a code, once."""
        if self.fault == "token_error":
            raise Refused("server_error")
        if not (
            form.get("client_id") == self.client
            and hmac.compare_digest(form.get("client_secret", ""), self.secret)
        ):
            raise Refused("invalid_client")
        with self._lock:
            grant = self._codes.pop(form.get("code", ""), None)
        if grant is None or grant.expires < time.time():
            raise Refused("invalid_grant")
        if grant.redirect_uri != form.get("redirect_uri") or not _proves(grant, form):
            raise Refused("invalid_grant")
        access = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[access] = grant.person
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        if self.fault != "no_id_token":
            answer["id_token"] = self.keys.sign(self._claims(grant), fault=self.fault)
        return answer

    def about(self, access: str) -> Any:
        """Return the user info that an access token opens."""
        person = self._tokens.get(access)
        if person is None:
            raise Refused("invalid_token")
        if self.fault == "userinfo_list":
            return [person.email]
        subject = "somebody-else" if self.fault == "other_subject" else person.subject
        return {
            "sub": subject,
            "email": person.email,
            "email_verified": person.email_verified,
            "name": person.name,
        }

    def _claims(self, grant: Grant) -> dict[str, Any]:
        at = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": grant.person.subject,
            "aud": self.client,
            "iat": at,
            "exp": at + TOKEN_SECONDS,
            "nonce": grant.nonce,
            "email": grant.person.email,
            "email_verified": grant.person.email_verified,
        }
        spoilt: dict[str, dict[str, Any]] = {
            "wrong_nonce": {"nonce": "of another sign-in"},
            "wrong_audience": {"aud": "another-client"},
            "wrong_issuer": {"iss": "https://elsewhere.example"},
            "expired": {"iat": at - 7200, "exp": at - 3600},
        }
        claims |= spoilt.get(self.fault, {})
        if self.fault == "no_nonce":
            del claims["nonce"]
        return claims


def _proves(grant: Grant, form: dict[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    offered = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(offered, grant.challenge)
