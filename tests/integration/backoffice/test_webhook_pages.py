"""Webhooks in the back office: the pages open, and only who may switches and replays."""

from __future__ import annotations

import pytest
from django.utils.timezone import now

from accounts.services.webhooks.endpoints import delete_endpoint
from tests.conftest import People
from tests.factories.webhooks import announced, endpoint_of
from tests.integration.backoffice.conftest import enter, member_of_staff


@pytest.mark.parametrize(("role", "may"), [("readonly", False), ("admin", True)])
def test_staff_look_and_admins_act(people: People, role: str, may: bool) -> None:
    endpoint = endpoint_of(people.organization)
    delivery = announced(people.organization)
    client = enter(member_of_staff(role))
    for name, row in (("webhookendpoint", endpoint), ("webhookdelivery", delivery)):
        base = f"/admin/accounts/{name}/"
        assert client.get(base).status_code == 200
        assert client.get(f"{base}{row.pk}/change/").status_code == 200
    client.post(f"/admin/accounts/webhookendpoint/{endpoint.pk}/disable/", {"reason": "Asked to"})
    endpoint.refresh_from_db()
    delivery.refresh_from_db()
    assert endpoint.is_enabled is not may
    assert delivery.status == ("abandoned" if may else "pending")


def test_what_was_deleted_is_unknown_to_staff_as_well(people: People) -> None:
    endpoint = endpoint_of(people.organization)
    delivery = announced(people.organization)
    delete_endpoint(endpoint, at=now())
    client = enter(member_of_staff("admin"))
    for name, row in (("webhookendpoint", endpoint), ("webhookdelivery", delivery)):
        base = f"/admin/accounts/{name}/"
        assert str(row.pk) not in client.get(base).content.decode()
        assert client.get(f"{base}{row.pk}/change/").status_code == 302
