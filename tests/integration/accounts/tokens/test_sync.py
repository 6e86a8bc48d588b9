"""What a desktop client reports, and what it learns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import now

from accounts.models import SyncLog
from accounts.services.sync import Event, forget_old_events, take_events
from config.kit import context
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.tokens import ApiClient, race, session_of


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"id": f"event-{number}", "type": "session.started", "source": "desktop"} | changes


@pytest.fixture
def program(people: People) -> ApiClient:
    return ApiClient(session_of(people.alice).access_token, User_Agent="Desk/1.0")


def report(program: ApiClient, *events: dict[str, Any]) -> Any:
    return program.ask("post", "sync", {"events": list(events)})


def test_events_are_stored_and_the_client_learns_what_it_must_know(
    program: ApiClient, people: People
) -> None:
    failed = event(2, success=False, error_message="no route", occurred_at="2026-03-31T10:00:00Z")
    answer = report(program, event(1, data={"screen": 2}), failed)
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert (body["accepted"], body["known"]) == (2, 0)
    assert body["me"]["email"] == "alice@example.com"
    assert body["organization"]["name"] == "Northwind"
    assert [each["role"] for each in body["organizations"]] == ["owner"]
    assert body["server_time"]
    first, second = SyncLog.objects.order_by("event_id")
    assert first.data == {"screen": 2}
    assert (first.client_ip, first.user_agent) == ("127.0.0.1", "Desk/1.0")
    assert (second.success, second.error_message) == (False, "no route")
    assert body["cursor"] in {str(first.pk), str(second.pk)}


def test_an_event_counts_once_however_often_it_is_sent(program: ApiClient) -> None:
    first = report(program, event(1), event(1), event(2)).json()
    assert (first["accepted"], first["known"]) == (2, 1)
    again = report(program, event(1, type="changed"), event(2), event(3)).json()
    assert (again["accepted"], again["known"]) == (1, 2)
    assert SyncLog.objects.get(event_id="event-1").event_type == "session.started"
    assert report(program).json()["cursor"] == again["cursor"]


def test_two_people_may_use_the_same_event_id(program: ApiClient, people: People) -> None:
    report(program, event(1))
    bob = ApiClient(session_of(people.bob).access_token)
    assert report(bob, event(1)).json()["accepted"] == 1


def test_adm_6_reports_are_shown_to_their_person_alone(program: ApiClient, people: People) -> None:
    """ADM-6: alice sees hers; bob, in the same organization, charlie and nobody see none."""
    report(program, event(1, data={"secret": "of alice"}))
    assert len(program.ask("get", "sync/events").json()["results"]) == 1
    for user in (people.bob, people.charlie):
        token = session_of(user).access_token
        assert ApiClient(token).ask("get", "sync/events").json()["results"] == []
        shown = people.client(user).get("/security/tokens/reports/").content.decode()
        assert "session.started" not in shown
    assert ApiClient().ask("get", "sync/events").status_code == 401
    shown = people.client(people.alice).get("/security/tokens/reports/").content.decode()
    assert "session.started" in shown
    with behind_the_wall(), context.acting(
        user_id=people.bob.pk, organization_id=people.organization.pk
    ):  # fmt: skip
        assert SyncLog.objects.count() == 0


@pytest.mark.parametrize(
    ("events", "pointer"),
    [
        ([event(data={"x": "y" * 9000})], "/events/0/data"),
        ([event(data={"x": [1] * 3000})], "/events/0/data"),
        ([event(id="")], "/events/0/id"),
        ([event(type="x" * 65)], "/events/0/type"),
        ([event(extra=1)], "/events/0/extra"),
        ([event(error_message="but it worked")], "/events/0/error_message"),
        ([event(occurred_at="yesterday")], "/events/0/occurred_at"),
        ([event(data=[1])], "/events/0/data"),
        ([event(data={"x": "\x00"})], "/events/0/data"),
        ([event(data={"x": 1e300})], "/events/0/data"),
        ([event(n) for n in range(101)], "/events"),
    ],
)
def test_bad_events_are_refused_whole(
    program: ApiClient, events: list[dict[str, Any]], pointer: str
) -> None:
    refused = report(program, *events)
    assert refused.status_code == 422, refused.content[:300]
    assert any(each["pointer"].startswith(pointer) for each in refused.json()["errors"])
    assert not SyncLog.objects.exists()


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {}}, {"events": ["x"]}])
def test_a_body_of_another_shape_is_refused(program: ApiClient, body: Any) -> None:
    assert program.ask("post", "sync", body).status_code == 422


def test_a_report_cannot_be_changed_by_the_site(people: People, program: ApiClient) -> None:
    report(program, event(1))
    with (
        behind_the_wall(), context.acting(user_id=people.alice.pk),
        pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(),
    ):  # fmt: skip
        SyncLog.objects.update(success=False)


def test_reports_are_kept_90_days(people: People, program: ApiClient) -> None:
    report(program, event(1))
    assert forget_old_events(at=now() + timedelta(days=89)) == 0
    assert forget_old_events(at=now() + timedelta(days=91)) == 1


@pytest.mark.usefixtures("live_database")
def test_the_same_batch_at_once_is_stored_once() -> None:
    alice = make_people().alice
    batch = [Event(f"event-{number}", "type", "desktop") for number in range(20)]

    def work() -> int:
        with behind_the_wall(), context.use(context.Context()):
            return take_events(alice, batch).accepted

    for _ in range(5):
        with context.acting(user_id=alice.pk):
            SyncLog.objects.all().delete()
        assert sum(race([work] * 8)) == 20
        assert SyncLog.objects.count() == 20
