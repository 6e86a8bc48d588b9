"""POST /api/v1/keys/verify: every answer, from the cache and without it, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from accounts.models import ApiKey
from accounts.rules import keys as form
from accounts.rules.calls import Call
from accounts.rules.verdicts import DETAILS, STATUSES, Code
from accounts.services import keys, limits
from accounts.services.calls import ingest, used_this_month
from accounts.services.calls.identity import is_verified
from accounts.services.calls.reporting import record_reported
from accounts.services.limits import Allowance, set_allowances
from accounts.services.suspension import suspend_organization
from config.kit import context
from config.kit.redis import connect
from config.kit.scripts import breaker, line
from tests.conftest import People
from tests.factories.keys import make_key
from tests.factories.relay import Relay, relaying
from tests.integration.accounts.keys.conftest import Commit, Gateway
from tests.stack import wait_for


def test_a_good_key_is_answered_in_full(gateway: Gateway, make: Any) -> None:
    key, text = make("usage:read", name="Checkout", external_id="user-7", metadata={"plan": "gold"})
    answer = gateway.verify(text, scopes=["usage:read"], endpoint="/v1/x?token=1", method="GET")
    assert answer["valid"] is True
    assert answer["code"] == "VALID"
    assert answer["key_id"] == str(key.pk)
    assert answer["organization_id"] == str(key.organization_id)
    assert (answer["name"], answer["external_id"]) == ("Checkout", "user-7")
    assert answer["metadata"] == {"plan": "gold"}
    assert (answer["tier"], answer["scopes"]) == ("free", ["usage:read"])
    assert answer["ratelimit"] == {"limit": 60, "remaining": 59, "reset": 60}
    assert (answer["quota"]["limit"], answer["quota"]["used"]) == (10_000, 1)
    assert answer["quota"]["remaining"] == 9_999
    assert answer["degraded"] is False


def test_a_call_is_recorded_as_one_entry_of_the_stream(
    gateway: Gateway, make: Any, redis_client: Any
) -> None:
    key, text = make()
    answer = gateway.verify(text, product="maps", endpoint="/v1/x?token=1", method="GET")
    [(_, entry)] = redis_client.xrange("api_calls")
    assert entry[b"id"].decode() == answer["call_id"]
    assert entry[b"org"].decode() == str(key.organization_id)
    assert entry[b"key"].decode() == str(key.pk)
    assert entry[b"endpoint"] == b"/v1/x", "what follows the ? is nobody's to keep"
    assert (entry[b"product"], entry[b"method"]) == (b"maps", b"GET")
    assert (entry[b"status"], entry[b"outcome"]) == (b"200", b"VALID")
    assert int(entry[b"latency"]) >= 0
    assert int(entry[b"at"]) > 0


def test_a_refused_call_is_recorded_and_an_unknown_key_is_not(
    gateway: Gateway, make: Any, act: Any, redis_client: Any
) -> None:
    key, text = make()
    act(keys.disable_key, key)
    gateway.verify(text)
    gateway.verify(form.make_key("live").text)
    [(_, entry)] = redis_client.xrange("api_calls")
    assert (entry[b"outcome"], entry[b"status"]) == (b"DISABLED", b"401")


def revoked(people: People, act: Any, key: ApiKey) -> None:
    act(keys.revoke_key, key)


def disabled(people: People, act: Any, key: ApiKey) -> None:
    act(keys.disable_key, key)


def expired(people: People, act: Any, key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(created_at=now() - timedelta(days=2))
    key.refresh_from_db()
    act(keys.set_expiry, key, now() - timedelta(days=1))


def replaced(people: People, act: Any, key: ApiKey) -> None:
    act(keys.rotate_key, key, by=people.alice, overlap=timedelta(0))


def narrowed(people: People, act: Any, key: ApiKey) -> None:
    act(keys.update_key, key, {"allowed_cidrs": ["203.0.113.0/24"]}, by=people.alice)


CASES = [
    (revoked, "REVOKED"),
    (disabled, "DISABLED"),
    (expired, "EXPIRED"),
    (replaced, "REVOKED"),
    (narrowed, "FORBIDDEN"),
]


@pytest.mark.parametrize(("change", "code"), CASES, ids=[code for _, code in CASES])
@pytest.mark.parametrize("cache", ["warm", "cold", "away"])
def test_a_change_is_seen_at_once_and_alike_with_and_without_the_cache(
    people: People, gateway: Gateway, make: Any, act: Any,
    change: Any, code: str, cache: str, redis_client: Any,
) -> None:  # fmt: skip
    """AUT-10: a revoke, an expiry, a network and an overlap hold whoever answers."""
    key, text = make()
    if cache == "warm":
        assert gateway.verify(text, ip="198.51.100.7")["valid"]
    change(people, act, key)
    if cache == "cold":
        redis_client.flushdb()
    if cache == "away":
        breaker.failed(ConnectionError())
    answer = gateway.verify(text, ip="198.51.100.7")
    assert (answer["valid"], answer["code"]) == (False, code)
    assert answer["degraded"] is (cache == "away")
    assert answer["key_id"] == str(key.pk)


def test_a_suspended_organizations_keys_stop_at_once(
    people: People, gateway: Gateway, make: Any, act: Any, commit: Commit
) -> None:
    """The operator's gateway hears why; the customer's own may not even ask."""
    platform, asker = commit(make_key, people.other, people.charlie, "keys:verify")
    with context.acting(organization_id=people.other.pk):
        commit(keys.grant_platform_verify, platform)
    _, text = make()
    assert gateway.verify(text)["valid"]
    act(suspend_organization, people.organization, reason="unpaid")
    refused = gateway.post({"key": text})
    assert (refused.status_code, refused.json()["code"]) == (403, "organization_suspended")
    gateway.key = asker
    assert gateway.verify(text)["code"] == "ORGANIZATION_SUSPENDED"


def test_a_key_that_waits_for_confirmation_does_not_work_yet(
    people: People, gateway: Gateway, make: Any, act: Any
) -> None:
    people.bob.emailaddress_set.update(verified=False)
    people.organization.memberships.filter(user=people.bob).update(role="admin")
    with context.acting(organization_id=people.organization.pk):
        key, text = keys.issue_key(people.organization, name="Early", by=people.bob)
    assert key.status == "pending_verification"
    assert gateway.verify(text)["code"] == "PENDING_VERIFICATION"
    act(keys.confirm_keys_of, people.bob)
    assert gateway.verify(text)["code"] == "VALID"


def test_a_missing_scope_is_refused(gateway: Gateway, make: Any) -> None:
    _, text = make("usage:read")
    answer = gateway.verify(text, scopes=["usage:read", "usage:write"])
    assert answer["code"] == "INSUFFICIENT_SCOPE"


def test_a_key_with_networks_needs_its_callers_address(gateway: Gateway, make: Any) -> None:
    _, text = make(allowed_cidrs=["203.0.113.0/24", "2001:db8::/32"])
    assert gateway.verify(text)["code"] == "FORBIDDEN"
    assert gateway.verify(text, ip="203.0.113.9")["code"] == "VALID"
    assert gateway.verify(text, ip="::ffff:203.0.113.9")["code"] == "VALID"
    assert gateway.verify(text, ip="2001:db8::5")["code"] == "VALID"
    assert gateway.verify(text, ip="203.0.114.0")["code"] == "FORBIDDEN"


def test_expiry_is_judged_by_the_clock_and_not_by_the_caches_life(
    gateway: Gateway, make: Any, act: Any, time_machine: Any
) -> None:
    start = now()
    _, text = make(expires_at=start + timedelta(minutes=5))
    assert gateway.verify(text)["valid"]
    time_machine.move_to(start + timedelta(minutes=5, milliseconds=-20), tick=False)
    assert gateway.verify(text)["valid"]
    time_machine.move_to(start + timedelta(minutes=5, milliseconds=1), tick=False)
    assert gateway.verify(text)["code"] == "EXPIRED"


def test_past_the_rate_a_call_is_refused_and_costs_no_quota(gateway: Gateway, make: Any) -> None:
    _, text = make()
    assert gateway.verify(text, cost=59)["ratelimit"]["remaining"] == 1
    assert gateway.verify(text)["valid"]
    refused = gateway.verify(text)
    assert refused["code"] == "RATE_LIMITED"
    assert refused["ratelimit"]["remaining"] == 0
    assert refused["quota"]["used"] == 2


def test_past_the_monthly_quota_a_call_is_refused(
    people: People, gateway: Gateway, make: Any, act: Any
) -> None:
    act(set_allowances, people.organization, {"": Allowance("pro", 600, 2)}, at=now())
    _, text = make()
    assert [gateway.verify(text)["code"] for _ in range(3)] == ["VALID", "VALID", "USAGE_EXCEEDED"]
    assert gateway.verify(text)["quota"]["remaining"] == 0


def test_a_product_bought_by_itself_has_limits_of_its_own(
    people: People, gateway: Gateway, make: Any, act: Any
) -> None:
    act(set_allowances, people.organization, {"maps": Allowance("pro", 900, 5)}, at=now())
    _, text = make()
    assert gateway.verify(text, product="maps")["quota"]["limit"] == 5
    assert gateway.verify(text, product="other")["quota"]["limit"] == 10_000, "free, as before"
    assert gateway.verify(text, product="maps")["ratelimit"]["limit"] == 900


def test_limits_that_change_are_seen_at_once(
    people: People, gateway: Gateway, make: Any, act: Any
) -> None:
    _, text = make()
    assert gateway.verify(text)["ratelimit"]["limit"] == 60
    act(set_allowances, people.organization, {"": Allowance("pro", 600, None)}, at=now())
    people.organization.refresh_from_db()
    assert people.organization.subscription_tier == "pro"
    answer = gateway.verify(text)
    assert answer["ratelimit"]["limit"] == 60, "the key keeps its own tier"
    assert answer["quota"]["limit"] is None
    act(set_allowances, people.organization, {}, at=now())
    assert gateway.verify(text)["quota"]["limit"] == 10_000


def test_a_product_with_limits_of_its_own_has_its_own_minute(
    people: People, gateway: Gateway, make: Any, act: Any
) -> None:
    bought = {
        "": Allowance("pro", 100, None),
        "maps": Allowance("pro", 900, None),
        "mail": Allowance("pro", 20, None),
    }
    act(set_allowances, people.organization, bought, at=now())
    people.organization.refresh_from_db()
    _, text = make(tier="pro")
    left = {
        product: gateway.verify(text, product=product, cost=cost)["ratelimit"]["remaining"]
        for product, cost in (("maps", 500), ("mail", 20), ("other", 30))
    }
    assert left == {"maps": 400, "mail": 0, "other": 70}
    assert gateway.verify(text, product="mail")["code"] == "RATE_LIMITED"
    assert gateway.verify(text, cost=70)["ratelimit"]["remaining"] == 0, "the others share one"
    assert gateway.verify(text, product="other")["code"] == "RATE_LIMITED"
    assert gateway.verify(text, product="maps")["ratelimit"]["remaining"] == 399


def test_another_organizations_key_looks_unknown(
    people: People, gateway: Gateway, commit: Commit
) -> None:
    """API-1: Charlie's key is nothing that Northwind's gateway knows."""
    _, text = commit(make_key, people.other, people.charlie)
    mine = gateway.verify(text)
    unknown = gateway.verify(form.make_key("live").text)
    assert mine == unknown
    assert mine["code"] == "NOT_FOUND"


def test_platform_verify_asks_about_every_organization(
    people: People, gateway: Gateway, make: Any, commit: Commit
) -> None:
    platform, text = commit(make_key, people.other, people.charlie)
    with context.acting(organization_id=people.other.pk):
        commit(keys.grant_platform_verify, platform)
    _, asked = make()
    gateway.key = text
    answer = gateway.verify(asked)
    assert answer["valid"]
    assert answer["organization_id"] == str(people.organization.pk)


@pytest.mark.parametrize("cache", ["here", "away"])
def test_the_caller_must_hold_a_key_with_the_scope(
    gateway: Gateway, make: Any, act: Any, cache: str
) -> None:
    _, weak = make("usage:read")
    _, asked = make()
    if cache == "away":
        breaker.failed(ConnectionError())
    for credential, status, code in (
        (weak, 403, "insufficient_scope"),
        ("", 401, "api_key_invalid"),
        ("nonsense", 401, "api_key_invalid"),
        (form.make_key("live").text, 401, "api_key_invalid"),
    ):
        answer = gateway.post({"key": asked}, key=credential)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_revoked_caller_is_told_so(gateway: Gateway, make: Any, act: Any) -> None:
    other, weak = make("keys:verify")
    act(keys.revoke_key, other)
    answer = gateway.post({"key": weak}, key=weak)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_revoked")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_warm_answer_costs_no_sql_and_one_round_trip(
    gateway: Gateway, make: Any, act: Any, queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUT-10: hit, miss and revoked cost the same, warm and cold."""
    _, good = make()
    gone, dead = make()
    act(keys.revoke_key, gone)
    miss = form.make_key("live").text
    gateway.verify(good)
    cold, warm, trips = {}, {}, {}
    for name, text in (("hit", make()[1]), ("miss", miss), ("revoked", dead)):
        with queries() as counted:
            gateway.verify(text)
        cold[name] = len(counted.statements())
    sent: list[Any] = []
    call = line.call
    monkeypatch.setattr(line, "call", lambda *command: sent.append(command[0]) or call(*command))
    for name, text in (("hit", good), ("miss", miss), ("revoked", dead)):
        sent.clear()
        with queries() as counted:
            gateway.verify(text)
        warm[name], trips[name] = len(counted.statements()), list(sent)
    assert cold == {"hit": 1, "miss": 1, "revoked": 1}
    assert warm == {"hit": 0, "miss": 0, "revoked": 0}
    assert trips == {name: ["EVALSHA"] for name in trips}


def test_a_key_that_fails_its_own_check_costs_no_sql(gateway: Gateway, queries: Any) -> None:
    gateway.verify(form.make_key("live").text)
    with queries() as counted:
        answers = [gateway.verify(text)["code"] for text in ("x", form.make_key("live").text[:-1])]
    assert answers == ["NOT_FOUND", "NOT_FOUND"]
    assert counted.statements() == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/key", "required"),
        ({"key": 7}, "/key", "invalid_type"),
        ({"key": "x", "scopes": "a:b"}, "/scopes", "invalid_type"),
        ({"key": "x", "scopes": ["a b"]}, "/scopes", "invalid"),
        ({"key": "x", "scopes": ["a"] * 51}, "/scopes", "too_long"),
        ({"key": "x", "product": "a:b"}, "/product", "invalid"),
        ({"key": "x", "method": "get"}, "/method", "invalid"),
        ({"key": "x", "cost": True}, "/cost", "invalid_type"),
        ({"key": "x", "cost": 1001}, "/cost", "out_of_range"),
        ({"key": "x", "ip": "300.1.1.1"}, "/ip", "invalid"),
        ({"key": "x", "shape": 1}, "/shape", "unknown"),
    ],
)
def test_bad_input_is_named_by_its_pointer(
    gateway: Gateway, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = gateway.post(body)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        (pointer, code)
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"key": NaN}', b"\xff"])
def test_a_body_that_is_no_object_is_malformed(gateway: Gateway, body: bytes) -> None:
    answer = gateway.post(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


def test_without_redis_standing_holds_and_the_answer_says_that_limits_do_not(
    gateway: Gateway, make: Any
) -> None:
    _, text = make()
    breaker.failed(ConnectionError())
    answer = gateway.verify(text)
    assert (answer["code"], answer["degraded"]) == ("VALID", True)
    assert (answer["ratelimit"], answer["quota"]) == (None, None)
    assert gateway.verify(form.make_key("live").text)["call_id"] is None


def report(people: People, key: ApiKey, call_id: str) -> None:
    """Tell of a call as POST /calls does with its `call_id`."""
    told = UUID(call_id)
    with context.acting(organization_id=people.organization.pk):
        record_reported(people.organization, [Call(
            id=told, organization_id=people.organization.pk, api_key_id=key.pk, endpoint="/v1/x",
            method="GET", status_code=200, latency_ms=7, reported=True,
            completes=is_verified(told), may_repeat=not is_verified(told),
        )])  # fmt: skip


def counted(people: People) -> tuple[int, int | None]:
    """Return the month's calls as they are stored and as the live quota has them."""
    ingest.drain("test", batches=5)
    with context.acting(organization_id=people.organization.pk):
        live = limits.quotas_of(people.organization, now())[0].used
    return used_this_month(people.organization.pk, "", now()), live


def test_a_call_that_redis_never_heard_of_counts_with_its_report(
    people: People, gateway: Gateway, make: Any
) -> None:
    key, text = make()
    gateway.verify(text)
    breaker.failed(ConnectionError())
    answer = gateway.verify(text)
    breaker.succeeded()
    assert counted(people) == (1, 1)
    for _ in range(2):
        report(people, key, answer["call_id"])
    assert counted(people) == (2, 2)


@pytest.fixture
def relay(settings: Any) -> Iterator[Relay]:
    with relaying(settings.REDIS_URL) as relay:
        settings.REDIS_URL = relay.url
        connect.cache_clear()
        yield relay
    connect.cache_clear()


def test_a_call_that_redis_counted_too_late_to_answer_counts_once(
    relay: Relay, people: People, gateway: Gateway, make: Any, redis_client: Any
) -> None:
    key, text = make()
    gateway.verify(text)
    entries = redis_client.xlen("api_calls")
    relay.answering.clear()
    answer = gateway.verify(text)
    relay.answering.set()
    assert (answer["code"], answer["degraded"]) == ("VALID", True)
    assert wait_for(lambda: redis_client.xlen("api_calls") == entries + 1, seconds=10, every=0.02)
    breaker.succeeded()
    report(people, key, answer["call_id"])
    assert counted(people) == (2, 2)


def test_a_corrupt_entry_heals(gateway: Gateway, make: Any, redis_client: Any) -> None:
    _, text = make()
    gateway.verify(text)
    digest = next(
        name for name in redis_client.keys("apikey:*") if redis_client.type(name) == b"hash"
    )
    for name in redis_client.keys("apikey:" + "[0-9a-f]" * 64):
        redis_client.delete(name)
        redis_client.set(name, "nonsense")
    assert digest
    assert gateway.verify(text)["code"] == "VALID"
    breaker.succeeded()
    assert gateway.verify(text)["degraded"] is False


def test_an_address_that_guesses_is_slowed_down(gateway: Gateway) -> None:
    texts = [form.make_key("live").text for _ in range(61)]
    statuses = [gateway.post({"key": texts[0]}, key=text).status_code for text in texts]
    assert statuses == [401] * 60 + [429]


def test_every_code_has_words_and_a_status() -> None:
    assert set(DETAILS) == set(Code)
    assert set(STATUSES) == set(Code) - {Code.NOT_FOUND}
