"""An endpoint that is deleted is unknown at once; its record goes afterwards, broken off or not."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import transaction
from django.db.utils import IntegrityError
from django.utils.timezone import now

from accounts.models import AuditLog, WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.services.webhooks import announce, endpoints, replaying, sending
from accounts.services.webhooks.catalogue import event_types
from accounts.tasks import forget_old_webhooks
from config.kit import context
from config.kit.errors import NotFound
from tests import services
from tests.conftest import People, WalledClient, make_people
from tests.factories.webhooks import announced, endpoint_of

ADDRESS = "https://hooks.example/"
API = "/api/v1/webhooks"
TEST = "webhook.test"
MANY = 2001
"""One more than a batch."""


@pytest.fixture
def deleted(people: People, alice: WalledClient) -> WebhookDelivery:
    """What was told to an endpoint that Alice then deleted."""
    endpoint = endpoint_of(
        people.organization, former_secret_sealed=b"x", former_secret_expires_at=now()
    )
    delivery = announced(people.organization)
    assert alice.delete(f"{API}/endpoints/{endpoint.pk}").status_code == 204
    return delivery


def test_it_is_unknown_at_once(people: People, alice: WalledClient, deleted: Any) -> None:
    endpoint = deleted.endpoint_id
    assert alice.get(f"{API}/endpoints").json()["results"] == []
    for page in ("/webhooks/", "/search/?q=hooks"):
        assert ADDRESS not in alice.get(page).content.decode()
    for path in (
        f"{API}/endpoints/{endpoint}", f"{API}/endpoints/{endpoint}/deliveries",
        f"{API}/deliveries/{deleted.pk}", f"/webhooks/{endpoint}/",
        f"/webhooks/{endpoint}/deliveries/{deleted.pk}/",
    ):  # fmt: skip
        assert alice.get(path).status_code == 404, path
    for path in (
        *(f"{API}/endpoints/{endpoint}/{verb}" for verb in ("enable", "disable", "test")),
        f"{API}/endpoints/{endpoint}/roll-secret", f"{API}/deliveries/{deleted.pk}/replay",
        f"/webhooks/{endpoint}/enable/", f"/webhooks/{endpoint}/delete/",
    ):  # fmt: skip
        assert alice.post(path).status_code == 404, path
    assert alice.delete(f"{API}/endpoints/{endpoint}").status_code == 404


def test_its_secrets_are_gone_and_the_trail_says_who_deleted_it(
    people: People, deleted: WebhookDelivery
) -> None:
    endpoint = WebhookEndpoint.objects.deleted().get()
    assert (bytes(endpoint.secret_sealed), endpoint.former_secret_sealed) == (b"", None)
    entry = AuditLog.objects.get(action="webhook.deleted")
    assert (entry.entity_id, entry.actor_id) == (str(endpoint.pk), str(people.alice.pk))


def test_nothing_is_announced_or_sent_again_to_it(people: People, deleted: WebhookDelivery) -> None:
    with context.acting(organization_id=people.organization.pk):
        assert announce(people.organization.pk, TEST, event_types()[TEST].example) is None
        with pytest.raises(NotFound):
            replaying.replay(deleted)
    deleted.refresh_from_db()
    assert deleted.status == "abandoned"


def test_what_was_announced_while_it_was_deleted_is_abandoned(deleted: WebhookDelivery) -> None:
    # What a transaction that had read the endpoint before commits after.
    late = {"status": "pending", "next_attempt_at": now(), "finished_at": None}
    WebhookDelivery.objects.filter(pk=deleted.pk).update(**late)
    assert sending.due(at=now()) == [deleted.pk]
    assert not sending.deliver(deleted.pk, at=now())
    assert sending.due(at=now()) == [], "asked for once, not at every round"
    deleted.refresh_from_db()
    assert (deleted.status, deleted.attempts) == ("abandoned", 0)


def test_it_takes_no_place_of_another(people: People, deleted: WebhookDelivery) -> None:
    for _ in range(endpoints.MOST):
        endpoints.add_endpoint(people.organization, url="https://1.1.1.1/", event_types=["*"])


def test_the_database_lets_none_come_back(deleted: WebhookDelivery) -> None:
    gone = WebhookEndpoint.objects.filter(pk=deleted.endpoint_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        gone.update(status="enabled", disabled_at=None)


def test_an_answer_that_comes_after_its_record_was_cleared_is_dropped(people: People) -> None:
    endpoint = endpoint_of(people.organization)
    delivery = announced(people.organization)
    claim = sending._claim(delivery.pk, now())
    assert claim is not None
    endpoints.delete_endpoint(endpoint, at=now())
    WebhookDelivery.objects.filter(pk=delivery.pk).delete()
    sending._record(claim, sending.Outcome(5, 204), at=now())
    assert not WebhookDelivery.objects.exists()


def test_deleting_it_twice_is_harmless(people: People, deleted: WebhookDelivery) -> None:
    first = WebhookEndpoint.objects.get().deleted_at
    endpoints.delete_endpoint(deleted.endpoint, at=now())
    assert WebhookEndpoint.objects.get().deleted_at == first


@pytest.mark.usefixtures("live_database")
def test_clearing_goes_on_where_it_was_broken_off_and_waits_for_nobody() -> None:
    people = make_people()
    gone, kept = (endpoint_of(people.organization) for _ in range(2))
    events = WebhookEvent.objects.bulk_create(
        WebhookEvent(organization=people.organization, type=TEST, payload={}) for _ in range(MANY)
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            organization=people.organization, event=event, endpoint=each, next_attempt_at=now()
        )
        for each, told in ((gone, events), (kept, events[:1]))
        for event in told
    )
    endpoints.delete_endpoint(gone, at=now())
    record = WebhookDelivery.objects.filter(endpoint=gone)
    assert endpoints._clear_some(gone.pk)
    assert record.count() == 1, "a run that ends here has kept its promise so far"
    with psycopg.connect(services.admin_url(f"test_{services.WORKER}")) as other:
        other.execute("SELECT FROM accounts_webhookendpoint WHERE id = %s FOR UPDATE", [gone.pk])
        forget_old_webhooks()
        assert record.exists(), "another run has it in hand"
    for _ in range(2):
        forget_old_webhooks()
    assert WebhookEndpoint.objects.get() == kept
    assert WebhookDelivery.objects.get().endpoint_id == kept.pk
