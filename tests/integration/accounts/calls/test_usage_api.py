"""The usage API and POST /calls: who may ask, what is taken, what is refused and why."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.gateways import call_stream
from accounts.models import CallRecording, StoredCall
from accounts.services import keys
from accounts.services.calls import ingest
from accounts.services.calls.recording import keeps_bodies
from config.kit import context
from config.kit.ids import uuid7
from tests.conftest import People, WalledClient


@pytest.fixture
def program(people: People) -> dict[str, Any]:
    """A key of Northwind's that may report and read, and its secret."""
    with context.acting(organization_id=people.organization.pk):
        key, secret = keys.issue_key(
            people.organization, name="Reporter", scopes=["calls:write", "usage:read"],
            by=people.alice,
        )  # fmt: skip
    return {"key": key, "headers": {"Authorization": f"Bearer {secret}"}}


def call(program: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {
        "key_id": str(program["key"].pk), "endpoint": "/v1/users/4711?token=abc", "method": "get",
        "status_code": 200, "latency_ms": 12.4,
    } | facts  # fmt: skip


def post(client: Any, items: Any, **extra: Any) -> Any:
    return client.post(
        "/api/v1/calls", json.dumps({"calls": items}), content_type="application/json", **extra
    )


def send(program: dict[str, Any], *items: Any) -> Any:
    return post(WalledClient(), list(items), headers=program["headers"])


def flush() -> list[StoredCall]:
    ingest.drain("test", batches=5)
    return list(StoredCall.objects.exclude(product="switchyard-api").order_by("id"))


def test_a_reported_call_is_stored_without_query_and_ids(program: dict[str, Any]) -> None:
    answer = send(program, call(program))
    assert answer.status_code == 202, answer.content
    (stored,) = flush()
    assert [str(stored.pk)] == answer.json()["accepted"]
    assert (stored.endpoint, stored.method, stored.latency_ms) == ("/v1/users/:id", "GET", 12)


def test_a_call_sent_again_with_its_id_counts_once(program: dict[str, Any]) -> None:
    mine = call(program, id=str(uuid7()))
    assert [send(program, mine).status_code for _ in range(3)] == [202] * 3
    assert len(flush()) == 1


def test_each_bad_call_is_refused_by_itself(program: dict[str, Any], people: People) -> None:
    with context.acting(organization_id=people.other.pk):
        theirs, _ = keys.issue_key(people.other, name="Theirs", scopes=[], by=people.charlie)
    bad = {
        "unknown_key": call(program, key_id=str(theirs.pk)),
        "out_of_range": call(program, status_code=42),
        "unknown": call(program, colour="red"),
        "not_time_ordered": call(program, id="7d444840-9dc0-41d1-b245-5ffdce74fad2"),
        "out_of_time": call(program, at=(now() - timedelta(hours=25)).isoformat()),
        "reserved": call(program, product="switchyard-api"),
        "time_mismatch": call(
            program, id=str(uuid7()), at=(now() - timedelta(hours=1)).isoformat()
        ),
        "ambiguous": call(program, id=str(uuid7()), call_id=str(uuid7())),
        "required": call(program, endpoint=" "),
        "invalid": "not a call",
    }
    answer = send(program, call(program), *bad.values())
    assert answer.status_code == 202
    assert [each["code"] for each in answer.json()["refused"]] == list(bad)
    assert len(answer.json()["accepted"]) == 1
    assert len(flush()) == 1


@pytest.mark.parametrize("items", [[], {}, "x", [{}] * 1001])
def test_a_batch_of_the_wrong_shape_is_refused_whole(program: dict[str, Any], items: Any) -> None:
    assert post(WalledClient(), items, headers=program["headers"]).status_code == 422


def test_bodies_are_dropped_unless_the_organization_asks_and_then_redacted(
    program: dict[str, Any], people: People, alice: WalledClient
) -> None:
    body = {"password": "hunter2", "note": "mail bob@example.com, card 4111 1111 1111 1111"}
    send(program, call(program, request_body=body))
    asked = alice.put(
        "/api/v1/usage/settings", {"keeps_bodies": True}, content_type="application/json"
    )
    assert asked.json() == {"keeps_bodies": True}
    send(program, call(program, request_body=body))
    first, second = flush()
    assert first.request_body is None
    for secret in ("hunter2", "bob@", "4111"):
        assert secret not in second.request_body
    assert CallRecording.objects.get().organization == people.organization


@pytest.mark.parametrize("extra", [{}, {"Idempotency-Key": "deep"}])
def test_a_batch_that_is_nested_too_deeply_is_refused_whole(
    program: dict[str, Any], extra: dict[str, str]
) -> None:
    body: Any = 1
    for _ in range(500):
        body = [body]
    items = [call(program, request_body=body), call(program)]
    answer = post(WalledClient(), items, headers=program["headers"] | extra)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    "beyond", ["ffffffff-ffff-7fff-bfff-ffffffffffff", "00000000-0000-7000-8000-000000000000"]
)
@pytest.mark.parametrize("name", ["id", "call_id"])
def test_an_id_of_another_age_is_refused_by_itself(
    program: dict[str, Any], name: str, beyond: str
) -> None:
    answer = send(program, call(program, **{name: beyond}), call(program))
    assert answer.status_code == 202
    assert [each["code"] for each in answer.json()["refused"]] == ["out_of_time"]
    assert len(answer.json()["accepted"]) == 1


def test_only_who_manages_the_organization_asks_for_bodies(people: People) -> None:
    """Alice owns, Bob is a member, Charlie a stranger; nobody has no account."""
    statuses = {}
    for name, user in (("alice", people.alice), ("bob", people.bob),
                       ("charlie", people.charlie), ("nobody", None)):  # fmt: skip
        answer = people.client(user).put(
            "/api/v1/usage/settings", {"keeps_bodies": True}, content_type="application/json"
        )
        statuses[name] = answer.status_code
    assert statuses == {"alice": 200, "bob": 403, "charlie": 200, "nobody": 401}
    with context.acting(organization_id=people.organization.pk):
        assert CallRecording.objects.count() == 2, "charlie asked for his own"


def test_a_key_without_the_scope_may_not_report(people: People, program: dict[str, Any]) -> None:
    with context.acting(organization_id=people.organization.pk):
        _, secret = keys.issue_key(people.organization, name="Reader", scopes=["usage:read"],
                                   by=people.alice)  # fmt: skip
    answer = post(WalledClient(), [call(program)], headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403
    assert call_stream.standing().length == 1, "only the refusal itself was noted"


def test_usage_tells_requests_errors_and_p95_of_one_organization(
    program: dict[str, Any], people: People
) -> None:
    send(program, *(call(program, latency_ms=ms, status_code=200 + 300 * (ms > 95))
                    for ms in range(1, 101)))  # fmt: skip
    flush()
    told = people.client(people.bob).get("/api/v1/usage?range=24h&group_by=endpoint").json()
    ours = next(group for group in told["groups"] if group["key"] == "/v1/users/:id")
    assert (ours["requests"], ours["errors"]) == (100, 5)
    assert abs(ours["p95_ms"] - 95) <= 95 * 0.045 + 1
    assert len(told["steps"]) == 24
    theirs = people.client(people.charlie).get("/api/v1/usage").json()
    assert theirs["total"]["requests"] == 0
    assert people.client(people.charlie).get("/api/v1/usage/calls").json()["results"] == []


def test_endpoints_beyond_the_hundred_largest_are_one_group_and_are_not_read_singly(
    program: dict[str, Any], bob: WalledClient
) -> None:
    names = [f"/{a}{b}" for a in "abcdefghijk" for b in "abcdefghij"]
    send(program, *(call(program, endpoint=name) for name in [*names, *names[10:]]))
    flush()
    with CaptureQueriesContext(connection) as seen:
        told = bob.get("/api/v1/usage?group_by=endpoint").json()
    start = 'SELECT "api_calls_hourly"."endpoint"'
    grouped = [each["sql"] for each in seen if each["sql"].startswith(start)]
    assert grouped
    assert all("LIMIT" in sql or " IN (" in sql for sql in grouped)
    *largest, others = told["groups"]
    assert {group["requests"] for group in largest} == {2}
    assert len(largest) == 100
    own = 1  # the report itself, a call of our own API
    assert (others["label"], others["requests"]) == ("11 others", 10 + own)
    assert sum(group["requests"] for group in told["groups"]) == told["total"]["requests"]


def test_our_own_api_notes_calls_made_with_keys(program: dict[str, Any], people: People) -> None:
    WalledClient().get("/api/v1/usage/limits", headers=program["headers"])
    ingest.drain("test", batches=5)
    noted = StoredCall.objects.get(product="switchyard-api")
    assert (noted.endpoint, noted.method, noted.status_code) == ("/api/v1/usage/limits", "GET", 200)
    assert noted.api_key_id == program["key"].pk


def test_single_calls_are_filtered_and_paged(program: dict[str, Any], bob: WalledClient) -> None:
    send(program, *(call(program, status_code=status) for status in (200, 404, 500)))
    flush()
    page = bob.get("/api/v1/usage/calls?errors=true&endpoint=/v1/users/:id&limit=1").json()
    assert [each["status_code"] for each in page["results"]] in ([404], [500])
    assert page["next"]


def test_limits_say_how_near_they_are(bob: WalledClient) -> None:
    (limit,) = bob.get("/api/v1/usage/limits").json()["limits"]
    assert (limit["tier"], limit["monthly_quota"], limit["used"]) == ("free", 10_000, 0)


@pytest.mark.parametrize("query", ["range=9d", "group_by=colour", "range=24h&group_by=%00"])
def test_an_unknown_choice_is_refused_by_name(bob: WalledClient, query: str) -> None:
    assert bob.get(f"/api/v1/usage?{query}").status_code == 422


@pytest.mark.parametrize(
    ("path", "most"),
    [("/api/v1/usage", 10), ("/api/v1/usage/calls", 8), ("/api/v1/usage/limits", 10),
     ("/usage/", 14), ("/usage/calls/", 13)],
)  # fmt: skip
def test_queries_do_not_grow_with_the_calls(
    program: dict[str, Any], bob: WalledClient, path: str, most: int
) -> None:
    counts = []
    for _ in range(2):
        send(program, *(call(program, endpoint=f"/v1/{n}x") for n in range(20)))
        flush()
        with CaptureQueriesContext(connection) as seen:
            assert bob.get(path).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] <= most


def test_the_pages_answer_with_calls_and_without(
    program: dict[str, Any], bob: WalledClient, alice: WalledClient
) -> None:
    assert b"No calls in this range" in bob.get("/usage/").content
    assert b"No calls in this range" in bob.get("/usage/calls/").content
    send(program, call(program), call(program, status_code=503))
    flush()
    page = bob.get("/usage/?range=30d&group=endpoint").content
    assert b"/v1/users/:id" in page
    assert b"3 requests, 1 of them error, in 30 days." in page
    assert b"/v1/users/:id" in bob.get("/usage/calls/?status=errors").content
    assert b"No call matches" in bob.get("/usage/calls/?product=maps").content
    assert b"/v1/users/:id,2,1" in bob.get("/usage/?group=endpoint&export=csv").content
    assert b"/v1/users/:id" in bob.get("/usage/calls/?export=csv").content
    assert alice.get("/usage/bodies/").status_code == 200
    assert alice.post("/usage/bodies/").status_code == 422, "it does not say what was confirmed"
    keep = {"keep": "yes"}
    assert alice.post("/usage/bodies/", keep).status_code == 302
    assert bob.post("/usage/bodies/", keep).status_code == 403


def test_two_who_confirm_the_same_do_not_undo_each_other(
    people: People, alice: WalledClient
) -> None:
    """What was asked on the page is done, whatever has happened since."""
    people.organization.memberships.filter(user=people.bob).update(role="admin")
    for wanted, keeps in (("yes", True), ("no", False)):
        pages = [
            person.get("/usage/bodies/").content for person in (alice, people.client(people.bob))
        ]
        assert all(f'name="keep" value="{wanted}"'.encode() in page for page in pages)
        for person in (alice, people.client(people.bob)):
            assert person.post("/usage/bodies/", {"keep": wanted}).status_code == 302
            with context.acting(organization_id=people.organization.pk):
                assert keeps_bodies(people.organization) is keeps
