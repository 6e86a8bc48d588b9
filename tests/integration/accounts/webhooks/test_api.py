"""Webhooks in the API: who may, what is refused, what is told once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.utils import IntegrityError
from django.test.utils import CaptureQueriesContext

from accounts.models import IdempotencyRecord, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from accounts.rules.deliveries import ATTEMPTS_SHOWN
from tests.conftest import People
from tests.factories.webhooks import announced, endpoint_of

pytestmark = pytest.mark.django_db
URL = "/api/v1/webhooks/endpoints"
UNKNOWN = "01900000-0000-7000-8000-000000000000"


def post(client: Any, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(path, body or {}, content_type="application/json", headers=headers)


def create(client: Any, **facts: Any) -> Any:
    body = {"url": "https://1.1.1.1/hook", "event_types": ["license.*"]} | facts
    return post(client, URL, body)


def test_owners_manage_members_look_others_know_nothing(
    people: People, alice: Any, bob: Any, charlie: Any, nobody: Any
) -> None:
    """Alice owns, Bob is a member, Charlie a stranger, nobody has no account."""
    made = create(alice)
    assert made.status_code == 201
    key = made.json()["endpoint"]["id"]
    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in alice.get(f"{URL}/{key}").json()
    assert bob.get(f"{URL}/{key}").status_code == 200
    assert create(bob).status_code == 403
    for verb in ("test", "roll-secret", "enable", "disable"):
        assert post(bob, f"{URL}/{key}/{verb}").status_code == 403
        assert post(charlie, f"{URL}/{key}/{verb}").status_code == 404
        assert post(nobody, f"{URL}/{key}/{verb}").status_code == 401
    assert charlie.get(URL).json()["results"] == []
    assert nobody.get(URL).status_code == 401
    assert charlie.delete(f"{URL}/{key}").status_code == 404
    assert alice.delete(f"{URL}/{key}").status_code == 204
    assert alice.get(f"{URL}/{key}").status_code == 404


@pytest.mark.parametrize(
    ("facts", "code", "pointer"),
    [
        ({"url": "http://1.1.1.1/"}, "address_refused", "/url"),
        ({"url": "https://127.0.0.1/"}, "address_refused", "/url"),
        ({"url": "https://1.1.1.1/\u0000"}, None, "/url"),
        ({"event_types": ["license.exploded"]}, "unknown_event_type", "/event_types"),
        ({"event_types": []}, None, "/event_types"),
        ({"event_types": ["x" * 200]}, None, "/event_types/0"),
        ({"secret_sealed": "x"}, "unknown", "/secret_sealed"),
        ({"status": "disabled"}, "unknown", "/status"),
        ({"organization": UNKNOWN}, "unknown", "/organization"),
    ],
)
def test_bad_input_is_named_by_its_field(alice: Any, facts: Any, code: Any, pointer: str) -> None:
    answer = create(alice, **facts)
    assert answer.status_code == 422
    (error, *_) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert code in (None, error["code"])


def test_a_repeated_create_makes_one_endpoint_and_keeps_no_secret(
    people: People, alice: Any
) -> None:
    body = {"url": "https://1.1.1.1/hook", "event_types": ["*"]}
    first = post(alice, URL, body, **{"Idempotency-Key": "one"})
    again = post(alice, URL, body, **{"Idempotency-Key": "one"})
    assert first.json()["endpoint"] == again.json()["endpoint"]
    assert (bool(first.json()["secret"]), again.json()["secret"]) == (True, None)
    assert WebhookEndpoint.objects.count() == 1
    assert b"whsec_" not in bytes(IdempotencyRecord.objects.get().body)


def test_a_change_and_a_new_secret(people: People, alice: Any) -> None:
    made = create(alice).json()
    path = f"{URL}/{made['endpoint']['id']}"
    body = {"description": "Accounting", "event_types": ["invoice.paid", "order.*"]}
    changed = alice.patch(path, body, content_type="application/json").json()
    assert (changed["description"], changed["url"]) == ("Accounting", "https://1.1.1.1/hook")
    rolled = post(alice, f"{path}/roll-secret").json()
    assert rolled["secret"] != made["secret"]
    assert rolled["endpoint"]["former_secret_expires_at"]
    assert post(alice, f"{path}/disable").json()["status"] == "disabled"
    assert post(alice, f"{path}/test").json()["code"] == "endpoint_disabled"
    assert post(alice, f"{path}/enable").json()["status"] == "enabled"
    assert post(alice, f"{path}/test").status_code == 202


def test_deliveries_are_listed_read_and_replayed_by_their_owner_only(
    people: People, alice: Any, bob: Any, charlie: Any
) -> None:
    """API-8 and tenancy: another organization's delivery looks unknown to a replay."""
    endpoint = endpoint_of(people.organization)
    delivery = announced(people.organization, "license.issued")
    WebhookDelivery.objects.update(status="failed", next_attempt_at=None)
    listed = alice.get(f"{URL}/{endpoint.pk}/deliveries?status=failed").json()["results"]
    assert [each["id"] for each in listed] == [str(delivery.pk)]
    assert alice.get(f"{URL}/{endpoint.pk}/deliveries?status=pending").json()["results"] == []
    path = f"/api/v1/webhooks/deliveries/{delivery.pk}"
    assert alice.get(path).json()["payload"]["plan"] == "team"
    assert charlie.get(path).status_code == 404
    assert post(charlie, f"{path}/replay").status_code == 404
    assert post(bob, f"{path}/replay").status_code == 403
    assert post(alice, f"{path}/replay").json()["status"] == "pending"
    WebhookDelivery.objects.update(status="failed", next_attempt_at=None)
    body = {"since": "2020-01-01T00:00:00Z"}
    assert post(alice, f"{URL}/{endpoint.pk}/replay", body).json() == {"replayed": 1}
    assert post(charlie, f"{URL}/{endpoint.pk}/replay", body).status_code == 404
    assert post(alice, f"{URL}/{endpoint.pk}/replay", {}).status_code == 422


def test_an_organization_has_at_most_twenty(people: People, alice: Any) -> None:
    for _ in range(20):
        endpoint_of(people.organization)
    assert create(alice).json()["code"] == "limit_reached"


def test_the_catalogue_is_public_to_members(bob: Any) -> None:
    known = {each["name"]: each for each in bob.get("/api/v1/webhooks/event-types").json()}
    assert {"license.revoked", "device.activated", "order.paid", "invoice.paid"} <= set(known)
    revoked = known["license.revoked"]
    assert revoked["schema"]["properties"]["expires_at"]["type"] == ["string", "null"]
    assert set(revoked["schema"]["required"]) == set(revoked["example"])


def test_a_list_of_deliveries_takes_few_queries(people: People, alice: Any) -> None:
    endpoint = endpoint_of(people.organization)
    counts = []
    for size in (1, 6):
        while WebhookDelivery.objects.count() < size:
            announced(people.organization)
        with CaptureQueriesContext(connection) as counted:
            assert alice.get(f"{URL}/{endpoint.pk}/deliveries").status_code == 200
        counts.append(len([each for each in counted if "ROLE" not in each["sql"]]))
    assert counts[0] == counts[1] <= 9


def test_of_a_message_sent_again_and_again_the_latest_tries_are_told(
    people: People, alice: Any
) -> None:
    """API-5: no list without an end."""
    endpoint_of(people.organization)
    delivery = announced(people.organization)
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(organization=people.organization, delivery=delivery, number=number)
        for number in range(1, ATTEMPTS_SHOWN + 3)
    )
    log = alice.get(f"/api/v1/webhooks/deliveries/{delivery.pk}").json()["log"]
    assert [each["number"] for each in log] == list(range(ATTEMPTS_SHOWN + 2, 2, -1))


def test_a_row_cannot_point_into_another_organization(people: People) -> None:
    endpoint_of(people.organization)
    other = endpoint_of(people.other)
    delivery = announced(people.organization)
    mine = WebhookDelivery.objects.filter(pk=delivery.pk)
    with pytest.raises(IntegrityError, match="endpoint_tenant"):
        mine.update(endpoint=other)
