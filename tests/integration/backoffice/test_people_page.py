"""A person's page: what they did, what staff noted, where they are signed in."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.services import audit
from config.kit import context
from support.models import AdminNote
from tests.conftest import People


def page(user: User, name: str = "change") -> str:
    if name == "note":
        return page(user).removesuffix("change/") + "note/"
    return reverse(f"admin:accounts_user_{name}", args=[user.pk])


def test_the_page_shows_summary_notes_and_activity(people: People, admin: Client) -> None:
    with context.use(context.Context(actor_kind="user", actor_id=str(people.alice.pk))):
        audit.record("license.key_revealed", people.alice)
    author = User.objects.get(email="admin@switchyard.example")
    AdminNote.objects.create(user=people.alice, author=author, note="Pays by transfer.")
    text = admin.get(page(people.alice)).content.decode()
    assert "license.key_revealed" in text
    assert "Pays by transfer." in text
    assert "Most common action" in text


@pytest.mark.parametrize("role", ["support", "admin"])
def test_staff_write_a_flagged_note(people: People, staff: Any, role: str) -> None:
    client = staff(role)
    assert client.get(page(people.bob, "note")).status_code == 200
    answer = client.post(page(people.bob, "note"), {"note": "Call back", "is_flagged": "on"})
    assert answer.status_code == 302
    note = AdminNote.objects.get()
    assert (note.user, note.note, note.is_flagged) == (people.bob, "Call back", True)
    assert note.author.role == role


def test_an_empty_note_is_refused_in_place(people: People, support: Client) -> None:
    answer = support.post(page(people.bob, "note"), {"note": ""})
    assert answer.status_code == 422
    assert not AdminNote.objects.exists()


def test_readonly_staff_write_no_note(people: People, readonly: Client) -> None:
    assert readonly.post(page(people.bob, "note"), {"note": "x"}).status_code == 403
    assert not AdminNote.objects.exists()


def test_looking_writes_nothing(people: People, support: Client) -> None:
    support.get(page(people.bob, "note"), {"note": "x"})
    assert not AdminNote.objects.exists()


def test_the_list_counts_in_a_fixed_number_of_queries(
    people: People, admin: Client, django_assert_max_num_queries: Any
) -> None:
    address = reverse("admin:accounts_user_changelist")
    admin.get(address)
    with django_assert_max_num_queries(16):
        text = admin.get(address).content.decode()
    assert "alice@example.com" in text
