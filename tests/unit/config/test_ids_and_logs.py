"""Keys are ordered in time, secrets are sealed, logs hold none."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken

from config.kit import context, ids
from config.kit.logs import add_context, scrub


def test_uuid7_is_ordered_and_well_formed() -> None:
    first = ids.uuid7()
    deadline = time.time_ns() // 1_000_000 + 1
    while time.time_ns() // 1_000_000 < deadline:
        pass
    second = ids.uuid7()
    assert first < second
    assert first.version == 7
    assert first.variant == "specified in RFC 4122"


def test_a_sealed_field_opens_only_with_its_key() -> None:
    sealed = ids.seal("SWY-SECRET")
    assert b"SECRET" not in sealed
    assert ids.unseal(sealed) == "SWY-SECRET"
    with pytest.raises(InvalidToken):
        ids.unseal(Fernet(Fernet.generate_key()).encrypt(b"x"))


def test_the_same_secret_hashes_differently_for_another_purpose() -> None:
    assert ids.keyed_hash("license-key", "a") != ids.keyed_hash("device-token", "a")
    assert ids.keyed_hash("license-key", "a") == ids.keyed_hash("license-key", "a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "hunter2"),
        ("license_key", "anything"),
        ("note", "Bearer abc.def"),
        ("note", "sk_test_4eC39HqLyjWDarjtT1zdp7dc"),
        ("note", "postgres://user:pw@host/db"),
        ("note", "SWY-ABCDE-FGHJK-MNPQR-STVWX-YZ012"),
        ("note", "swrt_mLDyCQOKpP1LJ7_rSSUWim6H3n1nIdMJodyBEbhr_Dk"),
        ("note", f"sw_live_{'a1B2' * 14}"),
        ("note", "q7ZkN3vR-0aB_cD1eF2gH3iJ4kL5mN6oP7qR8sT9uV0"),
        ("note", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
        ("verifier", "short"),
    ],
)
def test_no_secret_reaches_a_log_line(name: str, value: str) -> None:
    """AUT-10, AUD-8: by the field's name, by the value's shape, and however deep it lies."""
    for event in (
        {name: value},
        {"facts": {"deeper": [{name: value}]}},
        {"facts": ({name: value},)},
    ):
        written = str(scrub(None, "", event))
        assert value not in written
        assert "***" in written


@pytest.mark.parametrize(
    "address",
    [
        "/invitations/{}/", "/invitations/{}/sign-up/?a=1", "/password/reset/key/{}/",
        "/confirm-email/{}/", "https://x.example/back?code={}&state=1", "/x/?a=1&token={}",
    ],
)  # fmt: skip
def test_an_address_in_a_log_line_lets_nobody_in(address: str) -> None:
    """AUT-10: links hold secrets; their paths are written without them."""
    written = scrub(None, "", {"event": f"Internal Server Error: {address.format('a-secret')}"})
    assert "a-secret" not in str(written)
    assert address[:8] in str(written)


def test_what_is_no_secret_is_written_as_it_is() -> None:
    event = {
        "event": "webhook.given_up", "count": 3, "share": 0.5, "none": None, "done": True,
        "id": "01990f2e-8d5e-7c3a-9a55-0d6d1f9a3c11", "constraint": "accounts_notification_once",
    }  # fmt: skip
    assert scrub(None, "", dict(event)) == event


def test_log_lines_say_who_and_for_whom() -> None:
    event: dict[str, Any] = {"event": "license.activated"}
    with context.use(context.Context(actor_kind="user", actor_id="u1", request_id="r-12345678")):
        add_context(None, "", event)
    assert event["actor_id"] == "u1"
    assert event["request_id"] == "r-12345678"
