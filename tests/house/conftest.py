"""The world that every route is asked about: one object of each kind, all Northwind's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from accounts.services import keys
from accounts.services.notifications import notify
from billing.models import Invoice, Order
from config.kit import context
from licensing.models import License
from licensing.services.trials import start_trial
from tests.conftest import People, WalledClient, make_people
from tests.factories.backoffice import device, purchase
from tests.factories.billing import PriceFactory
from tests.factories.bulk import job_of
from tests.factories.licensing import trial_product
from tests.factories.team import invitation_of
from tests.factories.tokens import session_of
from tests.factories.trail import entry_of, export_of
from tests.factories.webhooks import announced, endpoint_of


@dataclass(frozen=True)
class Standing:
    """People and their things, made once for all tests of a module; requests are undone."""

    people: People
    things: dict[str, object]

    def ask(self, client: WalledClient, method: str, path: str, **headers: str) -> Any:
        """Send one request and undo what it did."""
        body = {"content_type": "application/json"} if path.startswith("/api/") else {}
        with transaction.atomic():
            answer = getattr(client, method)(path, headers=headers, **body)
            transaction.set_rollback(True)
        return answer


@pytest.fixture(scope="module")
def standing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Standing]:
    """The world, in one transaction for the whole module."""
    with django_db_blocker.unblock(), transaction.atomic():
        people = make_people()
        yield Standing(people, make_world(people))
        transaction.set_rollback(True)


@pytest.fixture
def world(people: People) -> dict[str, object]:
    """The things of `make_world`, for a test that changes them."""
    return make_world(people)


def make_world(people: People) -> dict[str, object]:
    """Make one object of each kind, all Northwind's; return keys by the name of the parameter."""
    price = PriceFactory()
    license = purchase(people.organization, people.alice, price, now())
    with context.acting(organization_id=people.organization.pk):
        link = device(license, 1, now())
        order = Order.objects.for_organization(people.organization).get()
        invoice = Invoice.objects.for_organization(people.organization).get()
        license = License.objects.get(pk=license.pk)
        trial, _ = start_trial(
            people.organization, product=trial_product(), name="Lab", by=people.alice, at=now()
        )
    member = people.organization.memberships.get(user=people.bob)
    invitation = invitation_of(people.organization)
    endpoint = endpoint_of(people.organization)
    notification = notify(people.organization.pk, "member_joined", title="Bob joined")
    key, _ = keys.issue_key(people.organization, name="CI", scopes=["keys:read"], by=people.alice)
    return {
        "key_id": key.pk,
        "job_id": job_of(people.organization, people.alice, 1).pk,
        "entry_id": entry_of(people.organization).pk,
        "export_id": export_of(people.organization, people.alice).pk,
        "endpoint_id": endpoint.pk, "delivery_id": announced(people.organization).pk,
        "notification_id": notification.pk,
        "membership_id": member.pk, "invitation_id": invitation.pk, "token": "unknown",
        "trial_id": trial.pk, "license_id": license.pk, "link_id": link.pk, "order_id": order.pk,
        "invoice_id": invoice.pk, "subscription_id": license.subscription_id,
        "slug": price.product.slug, "key": "unknown", "uidb36": "1", "name": "unknown.eml",
        "family": session_of(people.alice).session, "pk": 1, "session": 1, "connection": 1, "avatar": "unknown", "size": "small",
    }  # fmt: skip
