"""What ends when an organization closes, and what staff bring back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import ApiKey, WebhookDelivery, WebhookEndpoint
from accounts.services import closing
from billing.models import Subscription
from config.kit import context
from licensing import tasks
from licensing.models import License, TrialWorkspace
from licensing.rules.transitions import SuspendedReason
from licensing.services import licenses
from licensing.services.closing import unended
from licensing.services.trials import provide_license, start_trial
from tests.conftest import People, WalledClient
from tests.factories.keys import make_key
from tests.factories.licensing import license_of, trial_product
from tests.factories.webhooks import announced, endpoint_of

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture
def holdings(people: People) -> dict[str, Any]:
    """Northwind's key, endpoint with a message that waits, trial, and licenses of four kinds."""
    ours = people.organization
    with context.acting(organization_id=ours.pk):
        key, secret = make_key(ours, people.alice)
        endpoint = endpoint_of(ours)
        delivery = announced(ours)
        trial, _ = start_trial(ours, product=trial_product(), name="Try", by=people.alice, at=now())
        trial = provide_license(trial)
        soon = now() + timedelta(days=90)
        kinds = {
            "perpetual": license_of(ours, subscription=None, expires_at=None),
            "until": license_of(ours, subscription=None, expires_at=soon),
            "held": license_of(ours, subscription=None, expires_at=None),
            "subscribed": license_of(ours),
        }
        licenses.suspend_license(kinds["held"], reason=SuspendedReason.ABUSE)
        Subscription.objects.update(status="ended", ended_at=now())
    return kinds | {
        "key": key, "secret": secret, "endpoint": endpoint, "delivery": delivery, "trial": trial,
        "soon": soon,
    }  # fmt: skip


def states(holdings: dict[str, Any]) -> dict[str, str]:
    names = ("perpetual", "until", "held", "subscribed")
    found = {name: str(License.objects.get(pk=holdings[name].pk).status) for name in names}
    found["of trial"] = str(License.objects.get(pk=holdings["trial"].license_id).status)
    return found


def close(alice: WalledClient) -> None:
    """Close it, and let the workers do what waits for them."""
    answer = alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON)
    assert answer.status_code == 204, answer.content
    with context.use(context.Context()):
        for key in unended():
            tasks.end_closed(str(key))
        tasks.sweep_trials()


def test_closing_ends_all_that_opens_anything(
    alice: WalledClient, holdings: dict[str, Any]
) -> None:
    close(alice)
    key = ApiKey.objects.get(pk=holdings["key"].pk)
    assert (key.status, key.revoked_reason) == ("revoked", "organization_closed")
    assert not ApiKey.objects.exclude(status="revoked").filter(
        organization=holdings["key"].organization
    )
    assert WebhookEndpoint.objects.get().status == "disabled"
    assert WebhookDelivery.objects.get(pk=holdings["delivery"].pk).status == "abandoned"
    assert TrialWorkspace.objects.get().status == "cancelled"
    ended = dict.fromkeys(("perpetual", "until", "subscribed", "of trial"), "expired")
    assert states(holdings) == ended | {"held": "suspended"}
    told = License.objects.get(pk=holdings["perpetual"].pk)
    assert told.published_version < told.version, "the caches, and so the devices, are to be told"


@pytest.mark.usefixtures("holdings")
def test_each_closed_organization_has_a_task_of_its_own(
    people: People, alice: WalledClient, redis_client: Any
) -> None:
    """One whose licenses cannot be ended holds up no other."""
    license_of(people.other)
    alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON)
    tasks.sweep_closed()
    sent = [json.loads(each)["headers"] for each in redis_client.lrange("celery:default", 0, -1)]
    asked = [each["argsrepr"] for each in sent if each["task"] == tasks.end_closed.name]
    assert asked == [f"('{people.organization.pk}',)"]
    tasks.end_closed(str(people.organization.pk))
    assert unended() == []


def test_restoring_brings_back_licenses_and_no_credential(
    people: People, alice: WalledClient, holdings: dict[str, Any]
) -> None:
    close(alice)
    closing.restore_organization(people.organization, reason="They asked")
    assert states(holdings) == {
        "perpetual": "active", "until": "active", "held": "suspended",
        "subscribed": "expired", "of trial": "expired",
    }  # fmt: skip
    assert License.objects.get(pk=holdings["perpetual"].pk).expires_at is None
    assert License.objects.get(pk=holdings["until"].pk).expires_at == holdings["soon"]
    assert ApiKey.objects.get(pk=holdings["key"].pk).status == "revoked"
    assert WebhookEndpoint.objects.get().status == "disabled"
    assert TrialWorkspace.objects.get().status == "cancelled"
    key = WebhookEndpoint.objects.get().pk
    assert alice.post(f"/webhooks/{key}/enable/").status_code == 302
    assert WebhookEndpoint.objects.get().status == "enabled"


def test_a_nudge_that_comes_after_the_restoring_ends_nothing(
    people: People, alice: WalledClient, holdings: dict[str, Any]
) -> None:
    alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON)
    closing.restore_organization(people.organization, reason="At once")
    with context.use(context.Context()):
        tasks.end_closed(str(people.organization.pk))
    assert states(holdings)["perpetual"] == "active"


def test_a_veto_leaves_everything_as_it_was(alice: WalledClient, holdings: dict[str, Any]) -> None:
    Subscription.objects.update(status="active", ended_at=None)
    answer = alice.post("/api/v1/organization/close", {"confirm": "Northwind"}, **JSON)
    assert answer.status_code == 409
    assert ApiKey.objects.get(pk=holdings["key"].pk).status == "active"
    assert states(holdings)["perpetual"] == "active"
    assert TrialWorkspace.objects.get().status == "active"
