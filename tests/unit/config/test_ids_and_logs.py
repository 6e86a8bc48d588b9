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
    ],
)
def test_no_secret_reaches_a_log_line(name: str, value: str) -> None:
    event = scrub(None, "", {name: value})
    assert value not in str(event)
    assert "***" in str(event)


def test_log_lines_say_who_and_for_whom() -> None:
    event: dict[str, Any] = {"event": "license.activated"}
    with context.use(context.Context(actor_kind="user", actor_id="u1", request_id="r-12345678")):
        add_context(None, "", event)
    assert event["actor_id"] == "u1"
    assert event["request_id"] == "r-12345678"
