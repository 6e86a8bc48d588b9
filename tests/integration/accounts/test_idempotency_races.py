"""API-6: requests with one Idempotency-Key that come at the same moment act once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import ApiKey, Invitation, Organization, WebhookEndpoint
from tests.conftest import make_people

HEADER = "Idempotency-Key"


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/api/v1/keys", {"name": "New"}, ApiKey),
        ("/api/v1/organizations", {"name": "Eastwind"}, Organization),
        ("/api/v1/organization/invitations", {"emails": ["new@example.com"]}, Invitation),
        (
            "/api/v1/webhooks/endpoints",
            {"url": "https://1.1.1.1/", "event_types": ["*"]},
            WebhookEndpoint,
        ),
    ],
)
def test_eight_at_once_make_one(
    live_database: None, path: str, body: dict[str, Any], model: Any
) -> None:
    """API-6: the second waits for the first's transaction on the index of the keys."""
    people = make_people()
    before = model.objects.count()
    client = people.client(people.alice)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value

    def send(_: int) -> Any:
        mine = people.client(None)
        mine.cookies[settings.SESSION_COOKIE_NAME] = session
        try:
            return mine.post(path, body, content_type="application/json", headers={HEADER: "race"})
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert model.objects.count() == before + 1
