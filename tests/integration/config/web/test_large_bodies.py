"""What is too large is refused before it is read: it would fill the disk that uploads wait on."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from accounts.api.usage.views import BatchParser
from accounts.rules.pictures import MOST_BYTES
from tests.conftest import WalledClient

MULTIPART = "multipart/form-data; boundary=x"
FILE = (
    b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\nno picture\r\n--x--\r\n"
)
TOO_MUCH = str(settings.LARGEST_BODY + 1)


def announced(client: WalledClient, path: str, length: str, **more: Any) -> Any:
    """Send what claims to be so long; who reads on after its few bytes raises an error."""
    return client.generic("POST", path, FILE, MULTIPART, CONTENT_LENGTH=length, **more)


@pytest.mark.parametrize("path", ["/login/", "/signup/", "/nothing-here/", "/profile/picture/"])
@pytest.mark.parametrize("length", [TOO_MUCH, "300000000", "1e9", "-1"])
def test_a_page_refuses_it_unread(nobody: WalledClient, path: str, length: str) -> None:
    answer = announced(nobody, path, length)
    assert answer.status_code == 413
    assert "larger than the 8 MB" in answer.content.decode()
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/nothing", "/webhooks/stripe"])
def test_the_api_says_so_in_a_document(nobody: WalledClient, path: str) -> None:
    answer = announced(nobody, path, TOO_MUCH)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_script_gets_the_sentence(nobody: WalledClient) -> None:
    answer = announced(nobody, "/login/", TOO_MUCH, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_file_within_the_bound_is_judged_by_its_form(alice: WalledClient) -> None:
    answer = announced(alice, "/profile/picture/", str(len(FILE)))
    assert answer.status_code == 422


def test_what_has_no_length_is_empty(alice: WalledClient) -> None:
    """As the server hands on what comes in chunks."""
    answer = announced(alice, "/profile/picture/", "")
    assert answer.status_code == 422
    assert "required" in answer.content.decode()


def test_the_largest_of_each_kind_is_taken() -> None:
    assert BatchParser.limit <= settings.LARGEST_BODY
    assert settings.LARGEST_BODY > MOST_BYTES + 64 * 1024


def test_fields_are_bounded_more_tightly_than_files(alice: WalledClient) -> None:
    fields = {"first_name": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE}
    answer = alice.post("/profile/", fields)
    assert answer.status_code == 413
    assert "too large" in answer.content.decode()
    assert alice.post("/api/v1/orders", fields).status_code == 415, "the API reads no forms"
