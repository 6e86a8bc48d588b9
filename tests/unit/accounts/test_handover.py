"""PKCE, loopback addresses, user codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.rules.handover import (
    ALPHABET,
    answers,
    challenge_of,
    is_challenge,
    is_loopback,
    read_user_code,
    returning,
    shown_user_code,
)

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def test_the_challenge_is_the_one_of_rfc_7636() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@given(st.text(UNRESERVED, min_size=43, max_size=128))
def test_a_verifier_answers_its_own_challenge_only(verifier: str) -> None:
    challenge = challenge_of(verifier)
    assert is_challenge(challenge)
    assert answers(verifier, challenge)
    assert not answers(verifier[:-1] + ("a" if verifier[-1] != "a" else "b"), challenge)


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "x" * 42 + " ", "x" * 42 + "ä"])
def test_a_verifier_of_another_shape_answers_nothing(verifier: str) -> None:
    assert not answers(verifier, challenge_of(verifier))


@pytest.mark.parametrize("port", [1, 80, 65535])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("path", ["", "/", "/callback", "/a/b.c-d_e~"])
def test_any_port_of_the_own_machine_is_loopback(host: str, port: int, path: str) -> None:
    assert is_loopback(f"http://{host}:{port}{path}")


@given(st.text(max_size=60))
def test_nothing_else_is_loopback(text: str) -> None:
    assert not is_loopback(text) or text.startswith(("http://127.0.0.1:", "http://[::1]:"))


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:080/x y", "http://127.0.0.1:80\\@evil.example/", "http://127.1:80/",
        "http://2130706433:80/", "http://127.0.0.1:80/\r\nSet-Cookie: a", "HTTP://127.0.0.1:80/",
        "http://user@127.0.0.1:80/", "http://127.0.0.1:80/%0d", "http://[::ffff:127.0.0.1]:80/",
        "//127.0.0.1:80/", "http:127.0.0.1:80/", "http://127.0.0.1:/", "http://127.0.0.1:-1/",
    ],
)  # fmt: skip
def test_addresses_in_disguise_are_refused(address: str) -> None:
    assert not is_loopback(address)


def test_the_state_comes_back_as_it_was() -> None:
    address = returning("http://127.0.0.1:9/", "a b&c=d#", code="x")
    assert address == "http://127.0.0.1:9/?code=x&state=a+b%26c%3Dd%23"
    assert returning("http://127.0.0.1:9/", "", error="no") == "http://127.0.0.1:9/?error=no"


@given(st.text(ALPHABET, min_size=8, max_size=8))
def test_a_user_code_is_read_however_it_is_typed(code: str) -> None:
    shown = shown_user_code(code)
    for typed in (shown, shown.lower(), code, f" {shown.replace('-', ' ')} "):
        assert read_user_code(typed) == code


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDFGHJKL", "AEIOUAEI", "BCDF-GH1K"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read_user_code(typed) is None
