"""Access tokens: what is accepted, what is refused, and how fast an end counts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.test import override_settings
from django.utils.timezone import now

from accounts.models import AuditLog, User
from accounts.services import tokens
from accounts.services.suspension import suspend_user
from accounts.services.tokens.coding import key_ring
from config.embedded.keys import make_signing_key
from config.kit.redis import connect
from tests.conftest import People, WalledClient
from tests.factories.tokens import ApiClient, session_of

UNKNOWN = "01900000-0000-7000-8000-000000000000"


def status(token: str, **headers: str) -> int:
    return int(ApiClient(token, **headers).ask("get", "me").status_code)


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def forged(token: str, *, key: Any = None, algorithm: str = "ES256", headers: Any = None,
           **changes: Any) -> str:  # fmt: skip
    """The same token with other claims, signed by our own key unless told otherwise."""
    ring = key_ring()
    signer = ring.newest.private if key is None else key
    head = {"kid": ring.newest.kid, "typ": "at+jwt"} | (headers or {})
    claims = {k: v for k, v in (claims_of(token) | changes).items() if v is not None}
    return jwt.encode(claims, signer, algorithm=algorithm, headers=head)


def _base64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.fixture
def token(people: People) -> str:
    return session_of(people.alice).access_token


def test_a_token_says_who_for_whom_and_until_when(token: str, people: People) -> None:
    claims = claims_of(token)
    assert set(claims) == {"sub", "sid", "tv", "jti", "iat", "exp", "aud", "iss"}
    assert claims["sub"] == str(people.alice.pk)
    assert claims["exp"] - claims["iat"] == 600
    assert claims["iss"] == settings.SITE_URL
    assert jwt.get_unverified_header(token)["alg"] == "ES256"


def test_the_published_keys_verify_a_token(token: str) -> None:
    keys = WalledClient().get("/.well-known/jwks.json").json()["keys"]
    assert "d" not in keys[0]
    found = jwt.PyJWKSet.from_dict({"keys": keys})[jwt.get_unverified_header(token)["kid"]]
    read = jwt.decode(
        token, found.key, algorithms=["ES256"],
        audience=settings.TOKEN_AUDIENCE, issuer=settings.TOKEN_ISSUER,
    )  # fmt: skip
    assert read["jti"]


def test_a_new_signing_key_leaves_older_tokens_good(people: People) -> None:
    older, newer = make_signing_key(), make_signing_key()
    with override_settings(SIGNING_KEYS=[older]):
        token = session_of(people.alice).access_token
    with override_settings(SIGNING_KEYS=[newer, older]):
        assert status(token) == 200
        fresh = session_of(people.alice).access_token
        kids = {jwt.get_unverified_header(each)["kid"] for each in (token, fresh)}
        assert len(kids) == 2
        assert len(WalledClient().get("/.well-known/jwks.json").json()["keys"]) == 2
    with override_settings(SIGNING_KEYS=[newer]):
        assert status(token) == 401
        assert status(fresh) == 200


def test_aut_8_forged_tokens_are_refused(token: str, people: People) -> None:
    """AUT-8: alg none, HS for ES, another key, audience, issuer, type, time or claim."""
    _, body, _ = token.split(".")
    plain = _base64(b'{"alg":"none","typ":"at+jwt"}')
    head_hs = {"alg": "HS256", "typ": "at+jwt", "kid": key_ring().newest.kid}
    hashed = f"{_base64(json.dumps(head_hs).encode())}.{body}"
    public = key_ring().newest.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    digest = hmac.digest(pem, hashed.encode(), "sha256")
    stranger = override_settings(SIGNING_KEYS=[make_signing_key()])
    with stranger:
        foreign_key = key_ring().newest.private
    past = int(now().timestamp()) - 1
    forgeries = {
        "alg none": f"{plain}.{body}.",
        "alg none, signature kept": f"{plain}.{body}.{token.split('.')[2]}",
        "HS256 with the public key": f"{hashed}.{_base64(digest)}" + "A" * 43,
        "HS256, as long as it is": f"{hashed}.{_base64(digest)}",
        "another key": forged(token, key=foreign_key),
        "unknown kid": forged(token, headers={"kid": "x"}),
        "no type": forged(token, headers={"typ": "JWT"}),
        "other audience": forged(token, aud="https://elsewhere.example"),
        "no audience": forged(token, aud=None),
        "other issuer": forged(token, iss="https://elsewhere.example"),
        "expired": forged(token, exp=past),
        "not yet": forged(token, nbf=past + 600),
        "no expiry": forged(token, exp=None),
        "no jti": forged(token, jti=None),
        "another person": forged(token, sub=str(uuid4())),
        "subject no id": forged(token, sub="alice"),
        "version as text": forged(token, tv="0"),
        "version true": forged(token, tv=True),
        "older version": forged(token, tv=-1),
        "cut": token[:-1],
        "empty": "",
        "words": "a.b.c",
        "huge": token + "A" * 5000,
    }
    assert status(token) == 200
    assert {name: status(text) for name, text in forgeries.items()} == dict.fromkeys(forgeries, 401)


def test_aut_8_no_way_to_write_a_revoked_token_revives_it(token: str, people: People) -> None:
    """AUT-8: padding, blanks, case and re-encoding of a token that was ended are refused."""
    assert ApiClient(token).ask("post", "auth/logout").status_code == 204
    head, body, signature = token.split(".")
    twin = signature[:-1] + chr(ord(signature[-1]) + 1)
    variants = [
        token, f"{token}=", f"{token}==", f" {token}", f"{token} ", f"{token}\t", token.upper(),
        token.swapcase(), f"{head}=.{body}.{signature}", f"{head}.{body}=.{signature}",
        f"{head}.{body}.{twin}", f"{token}.", token.replace(".", ". "),
    ]  # fmt: skip
    assert {status(variant) for variant in variants} == {401}
    assert status(forged(token)) == 401, "another signature over the same jti"


def test_logging_out_blacklists_the_hash_of_the_jti(token: str, people: People) -> None:
    key = f"jwt:blacklist:{hashlib.sha256(claims_of(token)['jti'].encode()).hexdigest()}"
    assert not connect().exists(key)
    ApiClient(token).ask("post", "auth/logout")
    assert 0 < connect().ttl(key) <= 601
    assert AuditLog.objects.filter(action="user.api_session_ended").count() == 1


def test_logging_out_ends_one_session_and_its_refresh_token(people: People) -> None:
    one, other = session_of(people.alice), session_of(people.alice)
    ApiClient(one.access_token).ask("post", "auth/logout")
    refused = ApiClient().ask("post", "auth/refresh", {"refresh_token": one.refresh_token})
    assert refused.status_code == 401
    assert status(other.access_token) == 200


def test_logging_out_everywhere_ends_every_session(people: People) -> None:
    issued = [session_of(people.alice) for _ in range(3)]
    bobs = session_of(people.bob)
    done = ApiClient(issued[0].access_token).ask("post", "auth/logout-everywhere")
    assert done.status_code == 204
    assert {status(each.access_token) for each in issued} == {401}
    for each in issued:
        body = {"refresh_token": each.refresh_token}
        assert ApiClient().ask("post", "auth/refresh", body).status_code == 401
    assert status(bobs.access_token) == 200


def test_aut_6_a_suspended_person_is_refused_at_once(people: People) -> None:
    """AUT-6: the next call, not the next token; and again after being reinstated."""
    issued = session_of(people.alice)
    suspend_user(people.alice, reason="test")
    assert status(issued.access_token) == 401
    body = {"refresh_token": issued.refresh_token}
    assert ApiClient().ask("post", "auth/refresh", body).status_code == 401
    User.objects.filter(pk=people.alice.pk).update(status="active")
    assert status(issued.access_token) == 401


def test_aut_6_a_new_password_ends_all_tokens(people: People) -> None:
    """AUT-6: changed on the website, the API's sessions end."""
    issued = session_of(people.alice)
    web = WalledClient()
    web.post("/login/", {"login": "alice@example.com", "password": "correct horse battery"})
    fresh = {"password1": "another long phrase", "password2": "another long phrase"}
    changed = web.post("/password/change/", {"oldpassword": "correct horse battery", **fresh})
    assert changed.status_code == 302
    assert status(issued.access_token) == 401


def test_revoking_everything_says_how_many_sessions_ended(people: People) -> None:
    session_of(people.alice)
    session_of(people.alice)
    assert tokens.revoke_everything(people.alice) == 2
    assert tokens.revoke_everything(people.alice) == 0


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Redis at an address where nobody listens, for the code that looks up ended tokens."""

    def leave() -> None:
        monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
        connect.cache_clear()

    yield leave
    monkeypatch.undo()
    connect.cache_clear()


def test_aut_9_without_redis_customers_go_on_and_staff_wait(
    people: People, without_redis: Any
) -> None:
    """AUT-9: customers by the database's word, staff 503, nobody 500."""
    alice, gone = session_of(people.alice), session_of(people.alice)
    staff = session_of(people.bob)
    User.objects.filter(pk=people.bob.pk).update(role="support")
    ApiClient(gone.access_token).ask("post", "auth/logout")
    without_redis()
    assert status(alice.access_token) == 200
    assert status(gone.access_token) == 401
    refused = ApiClient(staff.access_token).ask("get", "me")
    assert (refused.status_code, refused.json()["code"]) == (503, "sessions_unavailable")


def test_aut_9_an_end_without_redis_counts_also_when_it_is_back(
    people: People, without_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUT-9: what could not be blacklisted is outdated; other sessions refresh and go on."""
    one, other = session_of(people.alice), session_of(people.alice)
    without_redis()
    assert ApiClient(one.access_token).ask("post", "auth/logout").status_code == 204
    monkeypatch.undo()
    connect.cache_clear()
    assert status(one.access_token) == 401
    assert status(other.access_token) == 401
    body = {"refresh_token": other.refresh_token}
    fresh = ApiClient().ask("post", "auth/refresh", body).json()
    assert status(fresh["access_token"]) == 200


def test_a_person_acts_for_the_named_organization_or_the_oldest(people: People) -> None:
    people.other.memberships.create(user=people.alice, role="readonly")
    token = session_of(people.alice).access_token
    named = {"Switchyard_Organization": str(people.other.pk)}
    assert ApiClient(token).ask("get", "me").json()["organization"]["name"] == "Northwind"
    me = ApiClient(token, **named).ask("get", "me").json()
    assert (me["organization"]["name"], me["role"]) == ("Southwind", "readonly")


@pytest.mark.parametrize("wanted", ["other", UNKNOWN, "nonsense", ""])
def test_another_organization_looks_unknown(people: People, token: str, wanted: str) -> None:
    wanted = str(people.other.pk) if wanted == "other" else wanted
    refused = ApiClient(token, Switchyard_Organization=wanted).ask("get", "me")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_api_9_a_token_needs_no_csrf_and_ignores_cookies(people: People) -> None:
    """API-9: Bob's cookie beside Alice's token is nobody; a bad token is not saved by a cookie."""
    program = ApiClient(session_of(people.alice).access_token)
    program.force_login(people.bob)
    assert program.ask("get", "me").json()["email"] == "alice@example.com"
    assert program.ask("post", "sync", {"events": []}).status_code == 200
    stranger = ApiClient("a.b.c")
    stranger.force_login(people.bob)
    assert stranger.ask("get", "me").status_code == 401


def test_api_9_a_cookie_alone_needs_a_csrf_token(people: People) -> None:
    """API-9: unsafe calls of a session without a CSRF token are 403."""
    program = ApiClient()
    program.force_login(people.alice)
    assert program.ask("post", "sync", {"events": []}).status_code == 403


def test_a_call_by_token_is_in_the_trail_as_the_person(people: People, token: str) -> None:
    ApiClient(token).ask("post", "auth/logout")
    entry = AuditLog.objects.get(action="user.api_session_ended")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(people.alice.pk))


def test_a_call_costs_two_queries_before_its_own(
    people: People, token: str, django_assert_num_queries: Any
) -> None:
    ApiClient(token).ask("get", "me")
    with django_assert_num_queries(6):  # role and back, transaction, person, memberships
        ApiClient(token).ask("get", "me")
