"""Whatever a program sends: a code and a 4xx, never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from licensing.models import DeviceLink, License
from tests.conftest import People
from tests.factories.licensing import device_of, license_of
from tests.integration.licensing.conftest import LINK, Commit, Program

DOORS = (
    "licenses/validate",
    "licenses/activate",
    "licenses/deactivate",
    f"devices/{LINK}/heartbeat",
)


@pytest.fixture
def license(people: People, commit: Commit) -> License:
    return commit(license_of, people.organization)


@pytest.mark.parametrize("door", DOORS[:2])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_request"),
        (b"{", 400, "malformed_request"),
        (b"[]", 400, "malformed_request"),
        (b'"text"', 400, "malformed_request"),
        (b"null", 400, "malformed_request"),
        (b"NaN", 400, "malformed_request"),
        (b"\xff\xfe", 400, "malformed_request"),
        (b'{"license_key": "\\ud800"}', 400, "malformed_request"),
        (b"[" * 5000, 400, "malformed_request"),
        (b'{"license_key": ' + b"[" * 100 + b"]" * 100 + b"}", 400, "malformed_request"),
        (b'{"license_key": ' + b"[" * 99 + b"]" * 99 + b"}", 422, "invalid_input"),
        (b'{"license_key": [' + b"{}," * 500 + b"{}]}", 422, "invalid_input"),
        (b"{}", 422, "invalid_input"),
        (b'{"license_key": "' + b"x" * 70_000 + b'"}', 413, "body_too_large"),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    program: Program, people: People, door: str, body: bytes, status: int, code: str
) -> None:
    response = program.post(door, body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"license_key": None}, "/license_key", "required"),
        ({"license_key": 7}, "/license_key", "invalid_type"),
        ({"license_key": "x" * 256}, "/license_key", "too_long"),
        ({"device_id": ""}, "/device_id", "blank"),
        ({"device_id": "   "}, "/device_id", "blank"),
        ({"device_id": "x" * 256}, "/device_id", "too_long"),
        ({"device_id": "a\x00b"}, "/device_id", "control_character"),
        ({"device_id": "a\nb"}, "/device_id", "control_character"),
        ({"device_id": ["a"]}, "/device_id", "invalid_type"),
        ({"device_name": None}, "/device_name", "required"),
        ({"device_name": "a\u202eb"}, "/device_name", "control_character"),
        ({"platform": "x" * 65}, "/platform", "too_long"),
        ({"app_version": 2}, "/app_version", "invalid_type"),
        ({"max_devices": 99}, "/max_devices", "unknown"),
    ],
)
def test_a_bad_field_is_named(
    program: Program, license: License, changes: dict[str, Any], pointer: str, code: str
) -> None:
    body = {"license_key": license.key, "device_id": "edge-1", "device_name": "Edge"} | changes
    response = program.post("licenses/activate", body)
    assert response.status_code == 422
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
        (pointer, code)
    ]
    assert not DeviceLink.objects.exists()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options"])
def test_only_post_is_answered(program: Program, people: People, door: str, method: str) -> None:
    response = getattr(program.client, method)(f"/api/v1/{door}")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "POST"


def test_a_token_needs_no_body_and_takes_no_fields(
    program: Program, license: License, commit: Commit
) -> None:
    device = commit(device_of, license)
    path = f"devices/{device.device.pk}/heartbeat"
    assert program.post(path, token=device.token).status_code == 200
    assert program.post(path, {}, token=device.token).status_code == 200
    assert program.post(path, {"battery": 7}, token=device.token).status_code == 422
    assert program.post(path, b"{", token=device.token).status_code == 400


def test_an_id_that_is_none_is_not_found(program: Program, people: People) -> None:
    assert program.post("devices/not-a-uuid/heartbeat", token="sydt_x").status_code == 404


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["license_key", "device_id", "device_name", "platform", "product", "nonce", "else"]
)


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(door=st.sampled_from(DOORS), body=st.dictionaries(names, json_values, max_size=6))
def test_no_body_breaks_a_door(
    program: Program, license: License, door: str, body: dict[str, Any]
) -> None:
    try:
        response = program.post(door, {"license_key": license.key} | body, token="sydt_guess")
    except (TypeError, UnicodeEncodeError):
        return  # what cannot be written as JSON cannot be sent
    assert response.status_code in (200, 201, 401, 409, 422, 429)
    assert response.json()
