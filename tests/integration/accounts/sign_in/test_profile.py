"""The profile over the API, and the picture of a person."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from accounts.models import Avatar, User
from tests.conftest import People, WalledClient


def upload(client: WalledClient, content: bytes | None = None, name: str = "me.png") -> Any:
    if content is None:
        file = io.BytesIO()
        Image.effect_noise((400, 300), 80).convert("RGB").save(file, "PNG")
        content = file.getvalue()
    return client.post("/profile/picture/", {"picture": SimpleUploadedFile(name, content)})


def test_a_picture_is_taken_shown_replaced_and_removed(people: People, alice: WalledClient) -> None:
    assert upload(alice)["Location"] == "/profile/"
    first = User.objects.get(pk=people.alice.pk).avatar
    assert f"/avatars/{first}/small.webp" in alice.get("/profile/").content.decode()
    upload(alice)
    second = User.objects.get(pk=people.alice.pk).avatar
    assert first != second
    assert alice.get(f"/avatars/{first}/large.webp").status_code == 404
    assert alice.get("/profile/picture/remove/").status_code == 200
    alice.post("/profile/picture/remove/")
    assert not Avatar.objects.exists()
    assert User.objects.get(pk=people.alice.pk).avatar == ""
    assert alice.get(f"/avatars/{second}/large.webp").status_code == 404


def test_a_picture_is_sent_as_nothing_but_a_picture(people: People, alice: WalledClient) -> None:
    upload(alice, name="me.svg")
    name = User.objects.get(pk=people.alice.pk).avatar
    for size, edge in (("large", 256), ("small", 64)):
        answer = alice.get(f"/avatars/{name}/{size}.webp")
        assert answer["Content-Type"] == "image/webp"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert Image.open(io.BytesIO(answer.content)).size == (edge, edge)
    assert alice.get(f"/avatars/{name}/huge.webp").status_code == 404


def test_who_may_see_a_picture(people: People, alice: WalledClient) -> None:
    upload(alice)
    address = f"/avatars/{User.objects.get(pk=people.alice.pk).avatar}/small.webp"
    assert people.client(people.bob).get(address).status_code == 200
    assert people.client(None).get(address)["Location"].startswith("/login/")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "no JPEG"),
        (b"<html><script>alert(1)</script>", "no JPEG"),
        (b"\x00" * (5 * 1024 * 1024 + 1), "larger than 5 MB"),
        (b"", "empty"),
    ],
    ids=["svg", "html", "large", "empty"],
)
def test_what_is_no_picture_is_refused_beside_the_field(
    people: People, alice: WalledClient, content: bytes, words: str
) -> None:
    answer = upload(alice, content)
    assert answer.status_code == 422
    assert words in str(answer.context["form"].errors["picture"])
    assert not Avatar.objects.exists()


def test_the_api_tells_and_changes_the_profile(people: People, alice: WalledClient) -> None:
    change = {"first_name": "Al", "phone": "0049 30 1234567", "locale": "de"}
    answer = alice.patch("/api/v1/me", change, content_type="application/json")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["first_name"], told["phone"], told["locale"]) == ("Al", "+49301234567", "de")
    assert (told["time_zone"], told["avatar_url"]) == ("UTC", None)
    upload(alice)
    assert alice.get("/api/v1/me").json()["avatar_url"].endswith("/large.webp")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"phone": "030 12"}, "/phone"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"locale": "tlh"}, "/locale"),
        ({"first_name": "x" * 101}, "/first_name"),
        ({"first_name": None}, "/first_name"),
        ({"last_name": "a\x00b"}, "/last_name"),
        ({"email": "mallory@example.com"}, "/email"),
        ({"role": "admin"}, "/role"),
        ({"is_superuser": True}, "/is_superuser"),
        ({"avatar": "x"}, "/avatar"),
    ],
)
def test_the_api_refuses_what_a_person_may_not_say(
    people: People, alice: WalledClient, change: dict[str, Any], pointer: str
) -> None:
    answer = alice.patch("/api/v1/me", change, content_type="application/json")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_nobody_has_a_profile(nobody: WalledClient) -> None:
    assert nobody.patch("/api/v1/me", {}, content_type="application/json").status_code == 401


def test_pages_write_figures_in_the_readers_way_and_for_nobody_else(people: People) -> None:
    User.objects.filter(pk=people.alice.pk).update(locale="de")
    alice, bob = people.client(people.alice), people.client(people.bob)
    page = alice.get("/profile/").content.decode()
    assert '<option value="de" selected>' in page
    assert '<option value="en" selected>' in bob.get("/profile/").content.decode()
