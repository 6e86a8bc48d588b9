"""The limiter: exact under many callers at once, fair over time, open without Redis."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.services import limits
from accounts.services.calls import ingest
from accounts.services.keys import verify
from accounts.services.limits import Allowance
from config.kit import context
from config.kit.errors import TooManyRequests
from config.kit.scripts import breaker
from tests.conftest import People, make_people
from tests.factories.keys import make_key

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def passed(who: str, *, limit: int, at: datetime, times: int = 1) -> int:
    found = [limits.take(who, limit=limit, at=at) for _ in range(times)]
    return sum(rate is not None and rate.passed for rate in found)


def test_of_1000_parallel_calls_at_limit_100_exactly_100_pass(people: People) -> None:
    """API-7."""
    at = now()

    def call(_: int) -> bool:
        rate = limits.take("everybody", limit=100, at=at + timedelta(milliseconds=1))
        return rate is not None and rate.passed

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(call, range(1000))) == 100


def test_of_1000_parallel_verifications_at_limit_100_exactly_100_are_valid(
    live_database: None,
) -> None:
    """API-7, through the whole service: threads, their own connections, a real commit."""
    people = make_people()
    with context.acting(organization_id=people.organization.pk):
        limits.set_allowances(people.organization, {"": Allowance("pro", 100, 95)}, at=now())
        people.organization.refresh_from_db()
    _, caller = make_key(people.organization, people.alice, "keys:verify")
    _, text = make_key(people.organization, people.alice)
    verify(caller, text, caller_ip=None, at=now())

    def call(_: int) -> str:
        with context.use(context.Context()):
            return str(verify(caller, text, caller_ip=None, at=now()).code)

    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(call, range(999)))
    assert codes.count("VALID") == 94, "95 a month, one was used before"
    assert set(codes) == {"VALID", "USAGE_EXCEEDED"}


def test_the_window_slides(people: People) -> None:
    """Never twice the limit around the turn of a window."""
    assert passed("a", limit=10, at=START, times=12) == 10
    later = START + timedelta(seconds=59)
    assert passed("a", limit=10, at=later, times=5) == 0
    assert passed("a", limit=10, at=START + timedelta(seconds=90), times=12) == 5
    assert passed("a", limit=10, at=START + timedelta(minutes=10), times=12) == 10


def test_what_it_says_to_wait_is_enough_and_not_too_much(people: People) -> None:
    passed("a", limit=10, at=START, times=10)
    rate = limits.take("a", limit=10, at=START + timedelta(seconds=20))
    assert rate is not None
    assert not rate.passed
    assert (rate.remaining, rate.reset) == (0, 40)
    soon = START + timedelta(seconds=20 + rate.retry_after)
    assert passed("a", limit=10, at=soon - timedelta(seconds=2)) == 0
    assert passed("a", limit=10, at=soon) == 1


def test_a_heavy_call_weighs_what_it_costs(people: People) -> None:
    assert limits.take("a", limit=10, at=START, cost=8).remaining == 2  # type: ignore[union-attr]
    assert not limits.take("a", limit=10, at=START, cost=3).passed  # type: ignore[union-attr]
    assert limits.take("a", limit=10, at=START, cost=2).passed  # type: ignore[union-attr]
    over = limits.take("b", limit=10, at=START, cost=11)
    with pytest.raises(TooManyRequests):
        limits.require(over)


def test_without_redis_every_call_passes(people: People) -> None:
    breaker.failed(ConnectionError())
    assert limits.take("a", limit=0, at=START) is None
    limits.require(None)


def test_months_end_where_the_next_begins() -> None:
    assert limits.month_end(START) == datetime(2026, 12, 1, tzinfo=UTC)
    assert limits.month_end(datetime(2026, 12, 31, 23, tzinfo=UTC)) == datetime(
        2027, 1, 1, tzinfo=UTC
    )


def test_a_lost_counter_begins_with_the_calls_that_are_stored(
    people: People, commit: Any, gateway: Any, redis_client: Any
) -> None:
    """Redis may lose everything: a customer gets no second month for free."""
    _, text = commit(make_key, people.organization, people.alice)
    for _ in range(3):
        assert gateway.verify(text)["valid"]
    ingest.drain("test", batches=5)
    redis_client.flushdb()
    assert gateway.verify(text)["quota"]["used"] == 4


def test_a_call_fills_one_quota_whatever_is_bought_or_ended_in_its_month(
    people: People, commit: Any, act: Any, gateway: Any
) -> None:
    _, text = commit(make_key, people.organization, people.alice)
    for product in ("maps", "maps", "mail"):
        assert gateway.verify(text, product=product)["valid"]
    ingest.drain("test", batches=5)

    def used(product: str) -> int:
        """Ask once more; return what is used with it."""
        found: int = gateway.verify(text, product=product)["quota"]["used"]
        ingest.drain("test", batches=5)
        return found

    maps, mail = ({name: Allowance("pro", 900, 10)} for name in ("maps", "mail"))
    act(limits.set_allowances, people.organization, maps, at=now())
    assert (used("maps"), used("mail")) == (3, 2)
    act(limits.set_allowances, people.organization, {}, at=now())
    assert used("maps") == 6, "all of the month count together again"
    act(limits.set_allowances, people.organization, maps, at=now())
    assert (used("maps"), used("mail")) == (5, 3), "also those in between"
    larger = {"maps": Allowance("pro", 900, 20)}
    act(limits.set_allowances, people.organization, larger | mail, at=now())
    assert (used("maps"), used("mail"), used("")) == (6, 4, 1)


def test_the_quotas_of_an_organization_are_shown(people: People, act: Any, gateway: Any) -> None:
    act(limits.set_allowances, people.organization, {"maps": Allowance("pro", 900, 10)}, at=now())
    people.organization.refresh_from_db()
    with context.acting(organization_id=people.organization.pk):
        _, text = make_key(people.organization, people.alice)
        for _ in range(2):
            gateway.verify(text, product="maps")
        found = limits.quotas_of(people.organization, now())
    assert [(each.product, each.limit, each.used) for each in found] == [
        ("", 10_000, None),
        ("maps", 10, 2),
    ]


def test_without_redis_the_stored_calls_are_shown(
    people: People, commit: Any, gateway: Any, alice: Any
) -> None:
    key, text = commit(make_key, people.organization, people.alice)
    for _ in range(3):
        gateway.verify(text)
    ingest.drain("test", batches=5)
    breaker.failed(ConnectionError())
    with context.acting(organization_id=people.organization.pk):
        found = limits.quotas_of(people.organization, now())
    assert [each.used for each in found] == [None], "nobody can tell, which is not 0"
    breaker.failed(ConnectionError())
    page = " ".join(alice.get(f"/api-keys/{key.pk}/").content.decode().split())
    assert re.search(r"This month</dt>.{0,200}\b3\b", page), page
