"""/api-keys/: what people see, make once, roll and revoke."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import ApiKey
from accounts.rules import keys as form
from accounts.services import keys
from config.kit import context
from tests.conftest import People
from tests.factories.keys import make_key

NEW = "/api-keys/new/"
KEY = re.compile(r"sw_(?:live|test)_[0-9A-Za-z]{57}")


def wish(**fields: Any) -> dict[str, Any]:
    return {"name": "Deploy", "environment": "live", "tier": "free", **fields}


def test_the_first_visit_says_what_a_key_is_for(alice: Any) -> None:
    page = alice.get("/api-keys/").content.decode()
    assert "No API keys yet" in page
    assert NEW in page


def test_a_key_is_shown_once_with_files_to_take_away(alice: Any) -> None:
    """AUT-10: on the answer to the form, and nowhere else."""
    page = alice.post(NEW, wish(scopes=["usage:read"], allowed_cidrs="10.0.0.0/8\n"))
    assert page.status_code == 200, page.content
    text = KEY.search(page.content.decode())[0]  # type: ignore[index]
    assert form.is_key(text)
    assert page.headers["Cache-Control"] == "no-store"
    key = ApiKey.objects.get()
    assert (key.scopes, key.allowed_cidrs) == (["usage:read"], ["10.0.0.0/8"])
    for path in ("/api-keys/", f"/api-keys/{key.pk}/", "/api-keys/?export=csv"):
        assert text not in alice.get(path).content.decode()
    for kind, body in (("env", f"SWITCHYARD_API_KEY={text}\n"), ("txt", f"{text}\n")):
        answer = alice.post("/api-keys/download/", {"key": text, "format": kind})
        assert answer.content.decode() == body
        assert "attachment" in answer.headers["Content-Disposition"]


def test_only_ones_own_key_comes_back_as_a_file(people: People, alice: Any) -> None:
    _, text = make_key(people.other, people.charlie)
    for body in (
        {"key": text, "format": "env"},
        {"key": "x", "format": "env"},
        {"key": text, "format": "exe"},
        {},
    ):
        assert alice.post("/api-keys/download/", body).status_code == 404


def test_sending_the_form_twice_makes_one_key(alice: Any) -> None:
    once = "0199d0f0-0000-7000-8000-000000000001"
    assert alice.post(NEW, wish(once=once)).status_code == 200
    again = alice.post(NEW, wish(once=once), follow=True)
    assert "made already" in again.content.decode()
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"tier": "enterprise"}, "not one of the available choices"),
        ({"scopes": ["platform:verify"]}, "not one of the available choices"),
        ({"allowed_cidrs": "nowhere"}, "nowhere is no network"),
        ({"metadata": "[]x"}, "Enter valid JSON"),
        ({"metadata": "[1]"}, "must be a JSON object"),
        ({"metadata": '{"a": "\\u0000"}'}, "NUL characters are not"),
        ({"metadata": '{"a": NaN}'}, "Enter valid JSON"),
        ({"metadata": '{"a": 1e20}'}, "must fit into 64 bits"),
        ({"metadata": '{"a":' * 600 + "1" + "}" * 600}, "At most 20 levels"),
        ({"expires_on": "2001-01-01"}, "a day to come"),
        ({"expires_on": "9999-12-31"}, "within a hundred years"),
        ({"external_id": "x" * 256}, "at most 255"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(alice: Any, fields: Any, words: str) -> None:
    page = alice.post(NEW, wish(**fields))
    assert page.status_code == 422
    assert words in page.content.decode()
    assert ApiKey.objects.count() == 0


def test_a_key_lives_to_the_end_of_its_last_day_where_the_reader_is(
    people: People, alice: Any
) -> None:
    people.alice.time_zone = "Asia/Tokyo"
    people.alice.save()
    day = (now() + timedelta(days=10)).date()
    alice.post(NEW, wish(expires_on=day.isoformat()))
    key = ApiKey.objects.get()
    assert key.expires_at is not None
    assert key.expires_at.isoformat() == f"{day.isoformat()}T15:00:00+00:00"
    page = alice.get(f"/api-keys/{key.pk}/edit/").content.decode()
    assert f'value="{day.isoformat()}"' in page


def test_a_key_is_changed_switched_rolled_and_revoked(people: People, alice: Any) -> None:
    key, _ = make_key(people.organization, people.alice, "usage:read", name="Deploy")
    base = f"/api-keys/{key.pk}/"
    changed = alice.post(f"{base}edit/", wish(name="Release", scopes=["usage:read"]))
    assert changed.status_code == 302
    assert "Release" in alice.get(base).content.decode()
    assert "refused until you switch it on" in alice.get(f"{base}disable/").content.decode()
    alice.post(f"{base}disable/")
    assert "Switched off" in alice.get(base).content.decode()
    alice.post(f"{base}enable/")
    rolled = alice.post(f"{base}rotate/", {"overlap": "24"})
    assert KEY.search(rolled.content.decode())
    assert "Replaced soon" in alice.get(base).content.decode()
    assert "Nothing brings the key back" in alice.get(f"{base}revoke/").content.decode()
    assert alice.post(f"{base}revoke/", {"reason": "leaked"}).status_code == 302
    assert "leaked" in alice.get(base).content.decode()
    assert alice.post(f"{base}rotate/", {"overlap": "1"}).status_code == 422


def test_several_are_revoked_after_one_question(people: People, alice: Any) -> None:
    made = [make_key(people.organization, people.alice, name=f"K{n}")[0] for n in range(3)]
    ids = [str(key.pk) for key in made[:2]]
    asked = alice.post("/api-keys/revoke/", {"ids": [*ids, "x"]})
    assert "Revoke 2 API keys?" in asked.content.decode()
    assert ApiKey.objects.revoked().count() == 0
    alice.post("/api-keys/revoke/", {"ids": ids, "confirmed": "yes", "reason": "old"})
    assert ApiKey.objects.revoked().count() == 2
    rest = alice.post("/api-keys/revoke/", {"all": "1", "q": "K"})
    assert "Revoke K2?" in rest.content.decode()
    assert alice.post("/api-keys/revoke/", {}).status_code == 302


def test_a_reason_that_is_too_long_revokes_nothing(people: People, alice: Any) -> None:
    ids = [str(make_key(people.organization, people.alice)[0].pk) for _ in range(2)]
    body = {"ids": ids, "confirmed": "yes", "reason": "x" * 201}
    answer = alice.post("/api-keys/revoke/", body)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Revoke 2 API keys?" in page
    assert "id_reason_error" in page
    assert all(f'value="{key}"' in page for key in ids)
    assert ApiKey.objects.revoked().count() == 0
    body["reason"] = "x" * 200
    assert alice.post("/api-keys/revoke/", body).status_code == 302
    assert ApiKey.objects.revoked().count() == 2


def test_lists_flag_what_nobody_uses_and_export_all_of_it(people: People, alice: Any) -> None:
    key, _ = make_key(people.organization, people.alice, name="=Old")
    ApiKey.objects.filter(pk=key.pk).update(created_at=now() - timedelta(days=91))
    page = alice.get("/api-keys/?status=neglected").content.decode()
    assert "Unused 90 d" in page
    assert "=Old" in page
    exported = alice.get("/api-keys/?export=csv").content.decode("utf-8-sig")
    assert "'=Old" in exported, "no cell is run as a formula"
    assert "alice@example.com" in exported
    assert "No key matches" in alice.get("/api-keys/?q=nothing").content.decode()


def test_a_list_costs_the_same_however_long(
    people: People, alice: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        make_key(people.organization, people.alice, name=f"K{number}")
    with django_assert_max_num_queries(9):
        alice.get("/api-keys/")


def test_a_key_that_waits_is_vouched_for_on_its_page(people: People, alice: Any) -> None:
    people.charlie.role = "admin"
    people.charlie.save()
    key, _ = make_key(people.organization, people.charlie)
    assert "waits for somebody" in alice.get(f"/api-keys/{key.pk}/").content.decode()
    alice.post(f"/api-keys/{key.pk}/confirm/")
    key.refresh_from_db()
    assert key.status == "active"


def test_members_look_and_strangers_find_nothing(people: People) -> None:
    """Alice (owner) manages, Bob (member) looks, Charlie (stranger) finds nothing, nobody logs in."""
    key, _ = make_key(people.organization, people.alice)
    paths = ("", f"{key.pk}/", "new/", f"{key.pk}/edit/", f"{key.pk}/rotate/", f"{key.pk}/revoke/")
    for user, expected in (
        (people.alice, [200] * 6),
        (people.bob, [200, 200, 403, 403, 403, 403]),
        (people.charlie, [200, 404, 200, 404, 404, 404]),
        (None, [302] * 6),
    ):
        client = people.client(user)
        assert [client.get(f"/api-keys/{path}").status_code for path in paths] == expected
    bob = people.client(people.bob)
    for path in ("revoke/", "download/", f"{key.pk}/disable/", f"{key.pk}/confirm/"):
        assert bob.post(f"/api-keys/{path}").status_code == 403
    assert NEW not in bob.get("/api-keys/").content.decode()


def test_a_rotated_platform_key_says_what_is_not_handed_on(people: People, alice: Any) -> None:
    key, _ = make_key(people.organization, people.alice, "keys:verify")
    with context.acting(organization_id=people.organization.pk):
        keys.grant_platform_verify(key)
    assert "staff have to give it" in alice.get(f"/api-keys/{key.pk}/rotate/").content.decode()
    scopes = ["keys:verify", "platform:verify"]
    alice.post(f"/api-keys/{key.pk}/edit/", wish(scopes=scopes, name="Gateway"))
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("Gateway", scopes), "it keeps what staff gave"
