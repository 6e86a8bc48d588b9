"""The audit log of an organization, on its page and in the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Organization, User
from accounts.services import audit
from accounts.services.reading import note_reading
from accounts.services.users import create_user
from config.kit import context
from tests.conftest import People


@pytest.fixture
def trail(people: People) -> None:
    """Alice renames, a member of staff changes the country, Charlie renames his own."""
    staff = create_user("staff@example.com", "correct horse battery", role=User.Role.SUPPORT)
    here = {"organization_id": people.organization.pk, "ip": "203.0.113.9", "request_id": "req-1"}
    with context.acting(actor_kind="user", actor_id=str(people.alice.pk), **here):
        Organization.objects.filter(pk=people.organization.pk).update(country="AT")
        audit.record("license.key_revealed", people.organization)
    with context.acting(actor_kind="user", actor_id=str(staff.pk), ip="198.51.100.1"):
        Organization.objects.filter(pk=people.organization.pk).update(country="CH")
    with context.acting(actor_kind="user", actor_id=str(people.charlie.pk), request_id="req-9"):
        Organization.objects.filter(pk=people.other.pk).update(country="NL")


def _api(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/audit-logs", query)
    assert answer.status_code == 200, answer.content
    return list(answer.json()["results"])


@pytest.mark.usefixtures("trail")
def test_who_may_read_it(people: People) -> None:
    """alice owns, bob is a member, charlie a stranger, nobody has no account."""
    users = {"alice": people.alice, "bob": people.bob, "charlie": people.charlie, "nobody": None}
    pages = {name: people.client(user).get("/logs/").status_code for name, user in users.items()}
    api = {
        name: people.client(user).get("/api/v1/audit-logs").status_code
        for name, user in users.items()
    }
    assert pages == {"alice": 200, "bob": 403, "charlie": 200, "nobody": 302}
    assert api == {"alice": 200, "bob": 403, "charlie": 200, "nobody": 401}


@pytest.mark.usefixtures("trail")
def test_an_entry_says_who_what_before_and_after(people: People, alice: Client) -> None:
    entry = AuditLog.objects.get(
        organization_id=people.organization.pk, new_values={"country": "AT"}
    )
    page = alice.get(f"/logs/{entry.pk}/").content.decode()
    for words in ("Organization changed", "alice@example.com", "203.0.113.9", "DE", "AT", "req-1"):
        assert words in page
    shown = alice.get(f"/api/v1/audit-logs/{entry.pk}").json()
    assert (shown["old_values"], shown["new_values"]) == ({"country": "DE"}, {"country": "AT"})
    assert shown["actor"] == {
        "kind": "user", "id": str(people.alice.pk), "name": "alice@example.com",
    }  # fmt: skip


@pytest.mark.usefixtures("trail")
def test_staff_have_no_name_and_no_address_here(people: People, alice: Client) -> None:
    (entry,) = [row for row in _api(alice) if row["new_values"] == {"country": "CH"}]
    assert (entry["actor"]["name"], entry["ip"]) == ("Switchyard staff", None)
    assert b"staff@example.com" not in alice.get("/logs/").content


@pytest.mark.usefixtures("trail")
def test_a_strangers_entry_looks_unknown(people: People, charlie: Client) -> None:
    entry = AuditLog.objects.filter(organization_id=people.organization.pk).first()
    assert entry is not None
    for address in (f"/logs/{entry.pk}/", f"/api/v1/audit-logs/{entry.pk}"):
        assert charlie.get(address).status_code == 404
    assert charlie.get(f"/api/v1/audit-logs/{10**30}").status_code == 404


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"actor": "alice@example.com"}, 3),  # the third is that she reads
        ({"actor": "charlie@example.com"}, 0),
        ({"action": "license."}, 1),
        ({"entity_type": "accounts_membership"}, 2),
        ({"request_id": "req-1"}, 2),
        ({"request_id": "req-9"}, 0),
        ({"since": "2020-01-01T00:00:00Z", "request_id": "req-1"}, 2),
        ({"until": "2020-01-01T00:00:00Z"}, 0),
    ],
)
def test_filters_narrow_api_and_page_alike(
    alice: Client, query: dict[str, str], count: int
) -> None:
    assert len(_api(alice, **query)) == count
    page = {
        name: value[:10] if name in ("since", "until") else value for name, value in query.items()
    }
    assert alice.get("/logs/", page).context["total"] == count


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize(
    "query",
    [
        {"unknown": "1"}, {"limit": "0"}, {"limit": "99999999999999999999"}, {"cursor": "x"},
        {"since": "2026-01-01T00:00:00-23:99"}, {"since": "yesterday"}, {"actor": "\x00"},
        {"action": "a" * 500},
    ],
)  # fmt: skip
def test_a_bad_query_is_refused_by_name(alice: Client, query: dict[str, str]) -> None:
    answer = alice.get("/api/v1/audit-logs", query)
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("trail")
def test_the_page_forgives_a_bad_filter(alice: Client) -> None:
    page = alice.get("/logs/", {"since": "yesterday", "action": "a" * 500, "actor": "\x00"})
    assert page.status_code == 200
    assert b"not understood" in page.content


@pytest.mark.usefixtures("trail")
def test_pages_follow_the_cursor_without_gaps(people: People, alice: Client) -> None:
    seen, address = [], "/api/v1/audit-logs?limit=2"
    while address:
        answer = alice.get(address).json()
        seen += [row["id"] for row in answer["results"]]
        address = answer["next"]
    assert seen == list(
        AuditLog.objects.for_organization(people.organization).values_list("id", flat=True)
    )


@pytest.mark.usefixtures("trail")
def test_aud_11_the_csv_is_written_down(people: People, alice: Client) -> None:
    """AUD-11: exporting the trail is in the trail."""
    answer = alice.get("/logs/", {"export": "csv", "request_id": "req-1"})
    sheet = answer.content.decode("utf-8-sig")
    assert sheet.count("\r\n") == 3
    assert "Organization changed" in sheet
    entry = AuditLog.objects.get(action="audit_log.exported")
    assert (entry.actor_id, entry.new_values["rows"]) == (str(people.alice.pk), 2)


@pytest.mark.usefixtures("trail")
def test_aud_11_reading_is_written_down_once_an_hour_for_each_reader(people: People) -> None:
    """AUD-11: at both doors; who reads all day does not fill the log."""
    read = AuditLog.objects.for_organization(people.organization).filter(action="audit_log.read")
    newest = AuditLog.objects.for_organization(people.organization).first()
    assert newest is not None
    alice = people.client(people.alice)
    for address in ("/logs/", "/api/v1/audit-logs", f"/logs/{newest.pk}/", "/logs/"):
        assert alice.get(address).status_code == 200
    assert [row.actor_id for row in read] == [str(people.alice.pk)]
    assert "Audit log read" in alice.get("/logs/").content.decode()


def test_aud_11_reading_is_written_down_again_after_an_hour(people: People) -> None:
    here = context.Context(actor_kind="api_key", actor_id="k1")
    with context.use(here):
        for later in (timedelta(), timedelta(minutes=50), timedelta(minutes=70)):
            note_reading(people.organization, at=now() + later)
    rows = AuditLog.objects.filter(action="audit_log.read", actor_id="k1")
    assert rows.count() == 2
    with context.use(context.Context(actor_kind="api_key", actor_id="k2")):
        note_reading(people.organization, at=now())
    assert AuditLog.objects.filter(action="audit_log.read").count() == 3


@pytest.mark.usefixtures("trail")
def test_it_costs_the_same_however_many_rows(
    alice: Client, django_assert_max_num_queries: Any
) -> None:
    alice.get("/logs/")  # written down once
    with django_assert_max_num_queries(12):
        alice.get("/logs/")
    with django_assert_max_num_queries(10):
        alice.get("/api/v1/audit-logs")
