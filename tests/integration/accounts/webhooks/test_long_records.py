"""What has grown for a month is deleted a batch a transaction, by pages and by tasks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.models import Notification, WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.services.notifications import reading
from accounts.tasks import forget_old_webhooks
from tests.conftest import make_people
from tests.factories.webhooks import endpoint_of

pytestmark = pytest.mark.usefixtures("live_database")
MANY = 2001
"""One more than a batch."""


def deletions_of(table: str, work: Callable[[], Any]) -> int:
    """Run `work`; return how many transactions deleted from the table."""
    with CaptureQueriesContext(connection) as asked:
        work()
    statements = ";".join(each["sql"] for each in asked)
    return sum(f'DELETE FROM "{table}"' in each for each in statements.split("COMMIT"))


def test_an_endpoint_goes_with_its_record_and_leaves_that_of_others() -> None:
    people = make_people()
    endpoint, other = (endpoint_of(people.organization) for _ in range(2))
    events = WebhookEvent.objects.bulk_create(
        WebhookEvent(organization=people.organization, type="webhook.test", payload={})
        for _ in range(MANY)
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            organization=people.organization, event=event, endpoint=each, next_attempt_at=now()
        )
        for each, told in ((endpoint, events), (other, events[:1]))
        for event in told
    )
    alice = people.client(people.alice)
    path, confirmed = f"/webhooks/{endpoint.pk}/delete/", {"confirm": "hooks.example"}
    assert deletions_of("accounts_webhookdelivery", lambda: alice.post(path, confirmed)) == 0
    assert deletions_of("accounts_webhookdelivery", forget_old_webhooks) == 2
    assert list(WebhookEndpoint.objects.all()) == [other]
    assert WebhookDelivery.objects.get().endpoint_id == other.pk
    assert alice.post(path).status_code == 404


def test_old_notifications_are_forgotten() -> None:
    people = make_people()
    Notification.objects.bulk_create(
        Notification(
            organization=people.organization, kind="invoice_paid", title="Paid", source=str(number)
        )
        for number in range(MANY)
    )
    at = now() + reading.KEPT + timedelta(minutes=1)
    gone: list[int] = []
    work = lambda: gone.append(reading.forget_old(at=at))  # noqa: E731
    assert deletions_of("accounts_notification", work) == 2
    assert gone == [MANY]
    assert not Notification.objects.exists()
