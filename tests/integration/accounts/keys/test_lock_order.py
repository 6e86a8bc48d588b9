"""Who changes an organization and who changes its keys wait for each other, and never in a circle."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from accounts.models import ApiKey
from accounts.services.keys import revoke_key
from accounts.services.limits import Allowance, set_allowances
from accounts.services.suspension import suspend_organization
from config.kit import context
from tests.conftest import People, make_people
from tests.factories.keys import make_key
from tests.factories.webhooks import endpoint_of
from tests.waiting import until_blocked

pytestmark = pytest.mark.usefixtures("live_database")


def _buy(people: People) -> Any:
    bought = {"": Allowance("pro", 600, 1000)}
    with context.acting(organization_id=people.organization.pk):
        return set_allowances(people.organization, bought, at=now())


def _suspend(people: People) -> Any:
    return suspend_organization(people.organization, reason="Unpaid")


@pytest.mark.parametrize("change", [_buy, _suspend])
def test_a_key_is_revoked_while_its_organization_changes(change: Callable[[People], Any]) -> None:
    """The change holds the organization and waits for the key, whose commit looks at the former."""
    people = make_people()
    endpoint_of(people.organization)  # a message to it points at the organization
    key, _ = make_key(people.organization, people.alice)
    with ThreadPoolExecutor(1) as pool:
        with context.acting(organization_id=people.organization.pk), transaction.atomic():
            revoke_key(key, reason="lost")
            waiting = until_blocked(pool, lambda: change(people))
            assert not waiting.done()
        waiting.result(30)
    key.refresh_from_db()
    assert key.is_revoked


def test_keys_are_renewed_in_the_order_of_their_ids() -> None:
    people = make_people()
    first, second = (make_key(people.organization, people.alice)[0] for _ in range(2))
    ApiKey.objects.filter(pk=first.pk).update(usage_count=1)  # it now lies behind the second
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ApiKey.objects.select_for_update().get(pk=first.pk)
            waiting = until_blocked(pool, lambda: _buy(people))
            assert not waiting.done()
            ApiKey.objects.select_for_update().get(pk=second.pk)
        waiting.result(30)
