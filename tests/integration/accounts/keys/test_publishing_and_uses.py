"""What happens to keys after their change: the cache is told, and their uses are written once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.models import ApiKey
from accounts.services import keys
from accounts.services.keys import authenticate, publishing, usage
from config.kit import context
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
