"""Id tokens: believed only when every claim fits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from accounts.rules.id_tokens import BadIdToken, read_id_token
from accounts.standins.openid.keys import KEY_ID, Keys

KEYS = Keys()
EXPECTED = {"issuer": "https://idp.example", "audience": "us", "nonce": "n-1"}


def claims(**changes: Any) -> dict[str, Any]:
    at = int(time.time())
    made = {
        "iss": "https://idp.example", "sub": "7", "aud": "us", "iat": at, "exp": at + 600,
        "nonce": "n-1",
    } | changes  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def read(token: str, **changes: Any) -> dict[str, Any]:
    expected: dict[str, Any] = {"keys": KEYS.published(), **EXPECTED, **changes}
    return read_id_token(token, **expected)


def test_a_true_token_is_read() -> None:
    assert read(KEYS.sign(claims()))["sub"] == "7"
    assert read(KEYS.sign(claims(aud=["us", "them"], azp="us")))["sub"] == "7"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"}, {"aud": "them"}, {"aud": ["them"]}, {"aud": None},
        {"aud": ["us", "them"]}, {"aud": ["us", "them"], "azp": "them"}, {"azp": "them"},
        {"nonce": "n-2"}, {"nonce": None}, {"nonce": ""}, {"exp": 1}, {"exp": None}, {"iat": None},
        {"sub": None}, {"nbf": 9_999_999_999}, {"exp": "soon"}, {"iat": 9_999_999_999},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_that_does_not_fit_refuses_the_token(changes: dict[str, Any]) -> None:
    with pytest.raises(BadIdToken):
        read(KEYS.sign(claims(**changes)))


@pytest.mark.parametrize("fault", ["bad_signature", "alg_none", "alg_hs256"])
def test_a_signature_that_is_none_of_the_providers_is_refused(fault: str) -> None:
    with pytest.raises(BadIdToken):
        read(KEYS.sign(claims(), fault=fault))


@pytest.mark.parametrize("token", ["", "a.b.c", "....", "\x00", "{}"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadIdToken):
        read(token)


def test_keys_that_do_not_have_the_tokens_id_are_refused() -> None:
    other = Keys().published()
    other["keys"][0]["kid"] = "another"
    assert KEY_ID != "another"
    for keys in (other, {"keys": []}, {}):
        with pytest.raises(BadIdToken):
            read(KEYS.sign(claims()), keys=keys)


def test_a_sign_in_without_a_nonce_believes_nothing() -> None:
    with pytest.raises(BadIdToken):
        read(KEYS.sign(claims(nonce="")), nonce="")
