"""What tests of webhooks share: a receiver that may be called, and commits that happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from accounts.services.webhooks import sending
from tests.factories.webhooks import Receiver, endpoint_of, receiving

LOCAL = ["127.0.0.1/32"]


@pytest.fixture
def permitted(settings: Any) -> None:
    """This machine may be called, as in the demo."""
    settings.OUTGOING_PERMITTED_NETWORKS = LOCAL


@pytest.fixture
def receiver(permitted: None) -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def endpoint(organization: Organization, receiver: Receiver) -> WebhookEndpoint:
    return endpoint_of(organization, receiver.url)


@pytest.fixture
def fresh() -> Callable[[Any], Any]:
    """Read a row again."""

    def read(row: Any) -> Any:
        return type(row).objects.get(pk=row.pk)

    return read


@pytest.fixture
def send() -> Callable[[WebhookDelivery], bool]:
    """Try a delivery now, whatever it waits for."""

    def try_now(delivery: WebhookDelivery) -> bool:
        at = WebhookDelivery.objects.get(pk=delivery.pk).next_attempt_at
        return sending.deliver(delivery.pk, at=at)

    return try_now
