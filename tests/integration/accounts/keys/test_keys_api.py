"""/api/v1/keys and keys as credentials of the whole API."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import ApiKey, IdempotencyRecord
from accounts.rules import keys as form
from accounts.rules.scopes import GRANTABLE
from accounts.services import keys
from config.kit import context
from tests.conftest import People, WalledClient
from tests.factories.keys import make_key
from tests.house.routes import routes

UNKNOWN = "01900000-0000-7000-8000-000000000000"


class Program(WalledClient):
    """A program that holds a key and no cookie."""

    def __init__(self, key: str, ip: str = "127.0.0.1") -> None:
        super().__init__(headers={"authorization": f"Bearer {key}"}, REMOTE_ADDR=ip)


def post(client: Any, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def patch(client: Any, path: str, body: Any) -> Any:
    return client.patch(f"/api/v1/{path}", body, content_type="application/json")


def test_a_key_is_issued_shown_once_changed_rotated_and_revoked(alice: Any) -> None:
    made = post(alice, "keys", {"name": "Deploy", "scopes": ["usage:read"]})
    assert made.status_code == 201, made.content
    key = made.json()
    assert form.is_key(key["key"])
    path = f"keys/{key['id']}"
    again = alice.get(f"/api/v1/{path}").json()
    assert "key" not in again
    changed = patch(alice, path, {"name": "Release", "allowed_cidrs": ["10.1.2.3/8"]}).json()
    assert (changed["name"], changed["allowed_cidrs"]) == ("Release", ["10.0.0.0/8"])
    assert patch(alice, path, {"is_active": False}).json()["state"] == "disabled"
    assert patch(alice, path, {"is_active": True}).json()["state"] == "active"
    rolled = post(alice, f"{path}/rotate", {"overlap_hours": 1})
    assert rolled.status_code == 201
    assert form.is_key(rolled.json()["key"])
    assert alice.get(f"/api/v1/{path}").json()["rotated_to"] == rolled.json()["id"]
    assert alice.delete(f"/api/v1/{path}").status_code == 204
    assert alice.delete(f"/api/v1/{path}").status_code == 204, "revoking again is harmless"
    assert alice.get(f"/api/v1/{path}").json()["state"] == "revoked"
    assert patch(alice, path, {"name": "x"}).json()["code"] == "key_revoked"


def test_a_replay_makes_one_key_and_does_not_keep_its_text(alice: Any) -> None:
    """AUT-10: the answer kept for the Idempotency-Key holds no secret."""
    first = post(alice, "keys", {"name": "K"}, **{"Idempotency-Key": "one"})
    again = post(alice, "keys", {"name": "K"}, **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.json()["id"], again.json()["key"]) == (first.json()["id"], None)
    text = first.json()["key"].encode()
    assert all(text not in bytes(row.body) for row in IdempotencyRecord.objects.all())


def test_only_those_who_manage_keys_may_and_strangers_find_nothing(people: People) -> None:
    """API-1: alice (owner), bob (member), charlie (stranger), nobody."""
    key, _ = make_key(people.organization, people.alice)
    path = f"keys/{key.pk}"
    expected = {
        people.alice: (200, 200, 422, 200, 201, 204),
        people.bob: (200, 200, 403, 403, 403, 403),
        people.charlie: (200, 404, 422, 404, 404, 404),
        None: (401, 401, 401, 401, 401, 401),
    }
    for user, statuses in expected.items():
        client = people.client(user)
        found = (
            client.get("/api/v1/keys").status_code,
            client.get(f"/api/v1/{path}").status_code,
            post(client, "keys", {}).status_code,
            patch(client, path, {}).status_code,
            post(client, f"{path}/rotate", {}).status_code,
            client.delete(f"/api/v1/{path}").status_code,
        )
        assert found == statuses, user


def test_a_list_is_paged_and_narrowed(people: People, alice: Any) -> None:
    for number in range(3):
        make_key(people.organization, people.alice, name=f"K{number}", external_id=f"u{number}")
    assert len(alice.get("/api/v1/keys?limit=2").json()["results"]) == 2
    assert len(alice.get("/api/v1/keys?external_id=u1").json()["results"]) == 1
    assert alice.get("/api/v1/keys?status=revoked").json()["results"] == []
    for query in ("status=x", "external_id=%00", "limit=0", "cursor=x"):
        assert alice.get(f"/api/v1/keys?{query}").status_code == 422


def test_the_list_costs_the_same_however_long(
    people: People, alice: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        make_key(people.organization, people.alice, name=f"K{number}")
    with django_assert_max_num_queries(10):
        alice.get("/api/v1/keys")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "x", "scopes": ["no:such"]}, "/scopes/0"),
        ({"name": "x", "scopes": ["platform:verify"]}, "/scopes/0"),
        ({"name": "x", "tier": "gold"}, "/tier"),
        ({"name": "x", "tier": "enterprise"}, "/tier"),
        ({"name": "x", "allowed_cidrs": ["nowhere"]}, "/allowed_cidrs"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "x", "metadata": {"a": "x" * 5000}}, "/metadata"),
        ({"name": "x", "metadata": {"a": "\x00"}}, "/metadata"),
        ({"name": "x", "metadata": {"a": 10**20}}, "/metadata"),
        ({"name": "x", "status": "active"}, "/status"),
        ({"name": "x", "usage_count": 5}, "/usage_count"),
    ],
)
def test_bad_input_is_named_by_its_pointer(alice: Any, body: Any, pointer: str) -> None:
    """API-2: what is not offered is refused, never ignored or stored."""
    answer = post(alice, "keys", body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_key_opens_the_area_of_its_scope_and_nothing_else(people: People) -> None:
    """AUT-10: scopes are enforced on every endpoint."""
    _, text = make_key(people.organization, people.alice, "billing:read")
    program = Program(text)
    assert program.get("/api/v1/orders").status_code == 200
    refused = program.get("/api/v1/licenses")
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert refused.json()["data"] == {"scope": "licenses:read"}
    assert post(program, "orders", {}).json()["data"] == {"scope": "billing:write"}
    person = program.get("/api/v1/me")
    assert (person.status_code, person.json()["code"]) == (403, "person_required")


def test_a_key_wins_over_a_cookie_and_needs_no_csrf_token(people: People) -> None:
    """API-9: with a key only the key counts."""
    _, text = make_key(people.other, people.charlie, "keys:write", "keys:read")
    program = Program(text)
    program.force_login(people.alice)
    program.handler.enforce_csrf_checks = True
    made = post(program, "keys", {"name": "K", "scopes": ["keys:read"]})
    assert made.status_code == 201, made.content
    key = ApiKey.objects.get(pk=made.json()["id"])
    assert (key.organization_id, key.created_by_id) == (people.other.pk, None)


def test_a_key_hands_on_only_its_own_scopes(people: People) -> None:
    _, text = make_key(people.organization, people.alice, "keys:write")
    answer = post(Program(text), "keys", {"name": "K", "scopes": ["billing:write"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "scopes_not_allowed")


def test_a_key_that_is_not_good_says_why(people: People) -> None:
    key, text = make_key(people.organization, people.alice, "keys:read")
    path = "/api/v1/keys"

    def refused(status: int, code: str, ip: str = "127.0.0.1") -> None:
        answer = Program(text, ip).get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        if status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    with context.acting(organization_id=people.organization.pk):
        keys.publishing.sweep_publications()
        keys.update_key(key, {"allowed_cidrs": ["203.0.113.0/24"]}, by=people.alice)
        keys.publishing.sweep_publications()
        refused(403, "address_not_allowed")
        assert Program(text, "203.0.113.5").get(path).status_code == 200
        keys.disable_key(key)
        keys.publishing.sweep_publications()
        refused(401, "api_key_disabled", "203.0.113.5")
        keys.revoke_key(key)
        keys.publishing.sweep_publications()
        refused(401, "api_key_revoked", "203.0.113.5")
    answer = Program(form.make_key("live").text).get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")


def test_a_key_in_the_address_is_no_credential(people: People) -> None:
    """AUT-10: never in a URL."""
    _, text = make_key(people.organization, people.alice, "keys:read")
    for name in ("key", "api_key", "token", "access_token"):
        assert WalledClient().get(f"/api/v1/keys?{name}={text}").status_code == 401


def test_no_endpoint_fails_for_a_program_with_every_scope(people: People) -> None:
    """Every route of the API, asked by a key that holds all there is: an answer, never an error."""
    _, text = make_key(people.organization, people.alice, *sorted(GRANTABLE), tier="free")
    program = Program(text)
    asked = [route for route in routes() if route.template.startswith("/api/v1/")]
    values = dict.fromkeys((name for route in asked for name in route.parameters), UNKNOWN) | {
        "slug": "unknown"
    }
    assert len(asked) > 20
    for number, route in enumerate(asked):
        if number % 25 == 0:
            from_zero(people)
        for method in ("get", "post", "patch", "delete"):
            answer = getattr(program, method)(
                route.path(values), data="{}" if method != "get" else None,
                content_type="application/json",
            )  # fmt: skip
            assert answer.status_code < 500, (method, route.template, answer.content[:200])


def from_zero(people: People) -> None:
    """Forget how often the key asked: this test is about answers, not about limits."""
    from config.kit.redis import connect  # noqa: PLC0415

    for name in connect().keys("limit:*"):
        connect().delete(name)


def test_a_keys_rate_is_that_of_its_tier_and_told_with_each_answer(people: People) -> None:
    """API-7: headers on every answer, 429 with Retry-After past the limit."""
    _, text = make_key(people.organization, people.alice, "keys:read")
    program = Program(text)
    first = program.get("/api/v1/keys")
    assert first.headers["RateLimit-Limit"] == "60"
    assert first.headers["RateLimit-Remaining"] == "59"
    assert first.headers["RateLimit-Policy"] == "60;w=60"
    assert 0 < int(first.headers["RateLimit-Reset"]) <= 60
    statuses = [program.get("/api/v1/keys").status_code for _ in range(60)]
    assert statuses == [200] * 59 + [429]
    last = program.get("/api/v1/keys")
    assert last.json()["code"] == "rate_limited"
    assert 1 <= int(last.headers["Retry-After"]) <= 120
    assert last.headers["RateLimit-Remaining"] == "0"


def test_a_person_has_a_rate_of_their_own(people: People, settings: Any) -> None:
    settings.API_REQUESTS_PER_PERSON = 3
    alice, bob = people.client(people.alice), people.client(people.bob)
    assert [alice.get("/api/v1/keys").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert bob.get("/api/v1/keys").status_code == 200


def test_a_program_acts_under_its_own_name_in_the_trail(people: People) -> None:
    key, text = make_key(people.organization, people.alice, "keys:write")
    made = post(Program(text), "keys", {"name": "K"}).json()
    from accounts.models import AuditLog  # noqa: PLC0415

    entry = AuditLog.objects.filter(entity_id=made["id"], action="api_key.issued").get()
    assert (entry.actor_kind, entry.actor_id) == ("api_key", str(key.pk))
    assert now() > entry.at


def test_a_program_cannot_rotate_its_way_to_a_stronger_key(
    people: People, alice: Any, commit: Any
) -> None:
    """AUT-10: a rotation hands out a text, so it hands out the scopes that go with it."""
    _, narrow = commit(make_key, people.organization, people.alice, "keys:write")
    strong, _ = commit(make_key, people.organization, people.alice, "team:write", "keys:write")
    refused = post(Program(narrow), f"keys/{strong.pk}/rotate", {})
    assert (refused.status_code, refused.json()["code"]) == (422, "scopes_not_allowed")
    strong.refresh_from_db()
    assert strong.rotated_to_id is None
    alike, _ = commit(make_key, people.organization, people.alice, "keys:write")
    assert post(Program(narrow), f"keys/{alike.pk}/rotate", {}).status_code == 201
    assert post(alice, f"keys/{strong.pk}/rotate", {}).status_code == 201, "a person may"
