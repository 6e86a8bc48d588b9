"""What happens to keys after their change: the cache is told, and their uses are written once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.models import ApiKey
from accounts.services import keys
from accounts.services.keys import authenticate, publishing, usage
from accounts.services.suspension import suspend_organization
from config.kit import context
from config.kit.scripts import breaker
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.keys import make_key
from tests.factories.tokens import race

ROUNDS = 20


def waiting(people: People) -> int:
    return ApiKey.objects.for_organization(people.organization).unpublished().count()


def test_the_cache_is_told_though_nobody_acts_for_the_organization_any_more(
    people: People, django_capture_on_commit_callbacks: Any
) -> None:
    make_key(people.organization, people.alice)
    ours = ApiKey.objects.for_organization(people.organization)
    with (
        behind_the_wall(),
        context.use(context.Context()),
        django_capture_on_commit_callbacks(execute=True),
        context.acting(organization_id=people.organization.pk),
    ):
        assert keys.revoke_keys(ours, reason="organization_closed") == 1
    assert waiting(people) == 0


def test_the_cache_is_told_of_all_keys_though_nobody_acts_for_the_organization(
    people: People, django_capture_on_commit_callbacks: Any
) -> None:
    make_key(people.organization, people.alice)
    assert waiting(people) == 1
    with (
        behind_the_wall(),
        context.use(context.Context()),
        django_capture_on_commit_callbacks(execute=True),
    ):
        publishing.publish_organization_after_commit(people.organization.pk)
    assert waiting(people) == 0


def test_a_change_after_the_publication_waits_for_its_own(people: People, commit: Any) -> None:
    key, _ = commit(make_key, people.organization, people.alice)
    stale = [(key.pk, key.key_hash, key.version)]
    ApiKey.objects.filter(pk=key.pk).update(name="Changed")
    assert publishing._publish_batch(stale)
    assert waiting(people) == 1
    assert publishing.sweep_publications() == 1
    assert waiting(people) == 0


MANY = 5_000
_COPIES = """
INSERT INTO accounts_apikey (id, organization_id, key_hash, pepper_version, public_id, last4,
                             environment, name, description, scopes, tier, status, is_active,
                             revoked_reason, external_id, metadata, allowed_cidrs)
SELECT gen_random_uuid(), organization_id, encode(sha256(g::text::bytea), 'hex'), pepper_version,
       lpad(g::text, 8, '0'), last4, environment, name, description, scopes, tier, status,
       is_active, revoked_reason, external_id, metadata, allowed_cidrs
  FROM accounts_apikey, generate_series(1, %s) g WHERE id = %s
"""


def test_all_keys_of_a_large_organization_stop_with_its_suspension(
    people: People, commit: Any, gateway: Any, act: Any, queries: Any
) -> None:
    """AUT-6: thousands of keys are published at once, in few statements, not in the sweeper's turns."""
    key, text = commit(make_key, people.organization, people.alice)
    with connection.cursor() as cursor:
        cursor.execute(_COPIES, [MANY, key.pk])
    assert gateway.verify(text)["valid"]
    with queries() as counted:
        act(suspend_organization, people.organization, reason="unpaid")
    assert waiting(people) == 0
    assert len(counted.statements()) < 100
    assert gateway.post({"key": text}).status_code == 403


def test_the_sweeper_takes_all_that_waits_in_one_turn_and_nothing_without_redis(
    people: People,
) -> None:
    key, _ = make_key(people.organization, people.alice)
    with connection.cursor() as cursor:
        cursor.execute(_COPIES, [MANY, key.pk])
    breaker.failed(ConnectionError())
    assert publishing.sweep_publications() == 0
    breaker.succeeded()
    assert publishing.sweep_publications() == MANY + 1
    assert waiting(people) == 0


@pytest.mark.usefixtures("live_database")
def test_a_key_that_somebody_changes_holds_up_the_publication_of_no_other() -> None:
    people = make_people()
    keys_made = [make_key(people.organization, people.alice)[0] for _ in range(3)]
    ApiKey.objects.for_organization(people.organization).update(name="Changed")
    assert waiting(people) == 3
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT FROM accounts_apikey WHERE id = %s FOR UPDATE", [keys_made[1].pk]
            )
        publishing.sweep_publications()
        assert waiting(people) == 1
        other.rollback()
    finally:
        other.close()
    publishing.sweep_publications()
    assert waiting(people) == 0


@pytest.mark.usefixtures("live_database")
def test_uses_that_four_write_at_once_count_once() -> None:
    people = make_people()
    key, text = make_key(people.organization, people.alice)

    for _ in range(ROUNDS):
        authenticate(text, ip=None, at=now())
        assert max(race([usage.flush_uses] * 4)) == 1
    key.refresh_from_db()
    assert key.usage_count == ROUNDS


@pytest.mark.usefixtures("live_database")
def test_uses_wait_while_somebody_else_writes() -> None:
    people = make_people()
    _, text = make_key(people.organization, people.alice)
    authenticate(text, ip=None, at=now())
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(usage._ALONE)
        assert usage.flush_uses() == 0
        other.rollback()
    finally:
        other.close()
    assert usage.flush_uses() == 1
