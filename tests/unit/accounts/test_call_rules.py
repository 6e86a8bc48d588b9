"""Rules of API calls: endpoints without values, percentiles from buckets, bodies without secrets."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.rules.calls import (
    BadEntry,
    Call,
    clean_endpoint,
    entry_of,
    id_at,
    moment_of,
    read_entry,
)
from accounts.rules.latency import bucket_of, percentile
from accounts.rules.redaction import MOST_KEPT, redact

ORGANIZATION = UUID("0199d0f0-0000-7000-8000-000000000002")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("/v1/things?token=abc#top", "/v1/things"),
        ("https://api.example.com/v1/things/42", "/v1/things/:id"),
        ("/v1/users/0199d0f0-0000-7000-8000-000000000002/keys", "/v1/users/:id/keys"),
        ("/v1/mail/bob@example.com", "/v1/mail/:id"),
        ("/v1/files/d41d8cd98f00b204e9800998ecf8427e", "/v1/files/:id"),
        ("/v2/geocoding-and-reverse-lookup", "/v2/geocoding-and-reverse-lookup"),
        ("?a=b", "/"),
    ],
)
def test_an_endpoint_keeps_its_shape_and_no_value(said: str, kept: str) -> None:
    assert clean_endpoint(said) == kept


@given(st.lists(st.integers(0, 3_600_000), min_size=1, max_size=400))
def test_p95_from_buckets_is_at_most_4_5_percent_off(latencies: list[int]) -> None:
    counts: dict[int, int] = {}
    for each in latencies:
        counts[bucket_of(each)] = counts.get(bucket_of(each), 0) + 1
    exact = sorted(latencies)[math.ceil(len(latencies) * 0.95) - 1]
    told = percentile(counts)
    assert told is not None
    assert abs(told - max(exact, 1)) <= max(exact, 1) * (2 ** (1 / 16) - 1) + 0.51


def test_a_percentile_of_nothing_is_none() -> None:
    assert percentile({}) is None


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)), st.integers(0, 2**74 - 1))  # noqa: DTZ001
def test_an_id_bears_its_moment(moment: datetime, noise: int) -> None:
    key = id_at(moment.replace(tzinfo=UTC), noise)
    assert key.version == 7
    assert key.variant == "specified in RFC 4122"
    assert abs(moment_of(key) - moment.replace(tzinfo=UTC)) < timedelta(milliseconds=1)


def test_a_call_survives_the_stream_whole() -> None:
    call = Call(id_at(datetime(2026, 1, 1, tzinfo=UTC), 5), ORGANIZATION, ORGANIZATION, "/v1/x",
                "GET", 200, 3, "maps", "RATE_LIMITED", '{"a":1}', "ok", True)  # fmt: skip
    fields = {name.encode(): value.encode() for name, value in entry_of(call).items()}
    assert read_entry(fields) == call


@given(st.dictionaries(st.sampled_from(["id", "org", "key", "endpoint", "method", "status",
                                        "latency", "outcome"]), st.text(max_size=40)))  # fmt: skip
def test_nonsense_on_the_stream_is_refused_and_never_crashes(fields: dict[str, str]) -> None:
    entry = {name.encode(): value.encode(errors="replace") for name, value in fields.items()}
    with pytest.raises(BadEntry):
        read_entry(entry)


SECRETS = ("hunter2", "4111 1111 1111 1111", "bob@example.com", "sk_live_abcdefgh12345678",
           "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"user": {"password": SECRETS[0], "cardNumber": SECRETS[1]}, "to": SECRETS[2],
                    "list": [SECRETS[3], {"Authorization": SECRETS[4]}]}),
        f"password=hunter2&to=bob@example.com&x={SECRETS[3]}&n=4111111111111111&t={SECRETS[4]}",
        f'{{"password": "hunter2", "cut": "{SECRETS[2]} {SECRETS[1]} {SECRETS[3]} {SECRETS[4]}',
    ],
    ids=["json", "form", "json cut in the middle"],
)  # fmt: skip
def test_no_secret_survives_redaction(body: str) -> None:
    kept = redact(body)
    for secret in (*SECRETS, "4111111111111111"):
        assert secret not in kept


def test_what_is_no_secret_stays() -> None:
    body = {"city": "Berlin", "order": 1234567890123, "count": 3, "ok": True, "none": None}
    assert json.loads(redact(json.dumps(body))) == body


def test_a_long_body_is_cut_and_says_by_how_much() -> None:
    kept = redact("a" * 100_000)
    assert kept.startswith("a" * MOST_KEPT)
    assert kept.endswith(f"{100_000 - MOST_KEPT} characters cut]")


def test_deep_json_does_not_crash() -> None:
    assert redact("[" * 60_000)
    assert redact("[" * 900 + "]" * 900)
