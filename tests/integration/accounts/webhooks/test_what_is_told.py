"""The domain speaks: what happens to licenses, devices, orders, members and keys is told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils.timezone import now

from accounts.events import notification_mail_due
from accounts.models import Membership, Notification, NotificationMail, User, WebhookEvent
from accounts.rules.event_types import is_pattern, matches
from accounts.services import keys
from accounts.services.team import members
from accounts.services.webhooks.catalogue import event_types
from billing.models import Subscription
from billing.services import subscriptions
from config.kit import context
from licensing.models import License
from licensing.rules.transitions import SuspendedReason
from licensing.services import announcements, devices, licenses
from tests.conftest import People
from tests.factories.backoffice import device, purchase
from tests.factories.billing import PriceFactory
from tests.factories.licensing import license_of
from tests.factories.webhooks import endpoint_of

pytestmark = pytest.mark.django_db
SECRETIVE = ("secret", "hash", "sealed", "token", "password")


def told(people: People) -> list[str]:
    """Return the types of what was told, oldest first, after checking each against its schema."""
    events = list(WebhookEvent.objects.for_organization(people.organization).order_by("id"))
    for event in events:
        _require_schema(event.payload, event_types()[event.type].schema)
    WebhookEvent.objects.all().delete()
    return [event.type for event in events]


def _require_schema(payload: dict[str, Any], schema: dict[str, Any]) -> None:
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    assert set(payload) == set(schema["properties"])
    for name, value in payload.items():
        wanted = schema["properties"][name]["type"]
        allowed = wanted if isinstance(wanted, list) else [wanted]
        assert not any(word in name for word in SECRETIVE), name
        if value is None:
            assert "null" in allowed, name
        else:
            assert isinstance(value, kinds[allowed[0]]), name


def test_a_purchase_and_the_life_of_its_license(people: People) -> None:
    endpoint_of(people.organization)
    license = purchase(people.organization, people.alice, PriceFactory(), now())
    first = told(people)
    assert {"subscription.activated", "license.issued", "invoice.paid", "order.paid"} <= set(first)
    with context.acting(organization_id=people.organization.pk):
        license = License.objects.get(pk=license.pk)
        licenses.suspend_license(license, reason=SuspendedReason.OPERATOR)
        licenses.reinstate_license(license)
        device(license, 1, now())
        devices.deactivate_device(license.devices.get(), at=now())
        licenses.revoke_license(license)
        subscription = Subscription.objects.get(license=license)
        subscriptions.cancel_at_period_end(subscription, at=now())
        subscriptions.resume(subscription)
    assert told(people) == [
        "license.suspended", "license.reinstated", "device.activated", "device.deactivated",
        "license.revoked", "subscription.cancelled", "subscription.resumed",
    ]  # fmt: skip
    kinds = set(Notification.objects.values_list("kind", flat=True))
    assert {"invoice_paid", "license_suspended"} <= kinds


def test_members_and_keys(people: People) -> None:
    endpoint_of(people.organization)
    bob = Membership.objects.get(organization=people.organization, user=people.bob)
    alice: User = people.alice
    with context.acting(organization_id=people.organization.pk):
        key, _ = keys.issue_key(people.organization, name="CI", scopes=["licenses:read"], by=alice)
        keys.revoke_key(key, reason="Old")
    assert told(people) == ["api_key.issued", "api_key.revoked"]
    with context.acting(organization_id=people.organization.pk):
        bob = members.change_role(bob, role="admin", manages_owners=True)
        members.remove_member(bob, manages_owners=True)
    assert told(people) == ["member.role_changed", "member.removed"]


@pytest.mark.parametrize("microsecond", [0, 1, 120_000])
def test_an_end_in_sight_is_told_once(
    people: People, microsecond: int, django_assert_num_queries: Any
) -> None:
    at = now().replace(microsecond=microsecond)
    license = license_of(people.organization)
    ends = at + announcements.WARNED_BEFORE
    License.objects.filter(pk=license.pk).update(expires_at=ends)
    assert announcements.tell_expiring(at=at) == 1
    source = Notification.objects.get(kind="license_expiring").source
    assert source == f"license_expiring:{license.pk}:{ends.isoformat()}"
    with django_assert_num_queries(1):
        assert announcements.tell_expiring(at=at) == 0
    assert Notification.objects.get(kind="license_expiring").url == f"/licenses/{license.pk}/"


def test_those_who_were_told_hide_nobody(people: People) -> None:
    """However many end sooner and know it already."""
    at = now()
    license = license_of(people.organization)
    many = 1100
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO licensing_license SELECT other.* FROM licensing_license AS license,"
            " generate_series(1, %s) AS n, jsonb_populate_record(license, jsonb_build_object("
            " 'id', gen_random_uuid(), 'key_hash', md5(n::text) || md5(n::text),"
            " 'subscription_id', NULL, 'expires_at', %s::timestamptz + n * interval '1 minute')) AS other",
            [many, at],
        )
    License.objects.filter(pk=license.pk).update(expires_at=at + announcements.WARNED_BEFORE)
    assert announcements.tell_expiring(at=at) == many + 1
    assert announcements.tell_expiring(at=at) == 0


def test_what_cannot_be_told_of_silences_no_other(people: People) -> None:
    at = now()
    ends = at + announcements.WARNED_BEFORE
    for organization in (people.organization, people.other):
        license = license_of(organization)
        License.objects.filter(pk=license.pk).update(expires_at=ends)
    failures: list[Exception] = [SoftTimeLimitExceeded()]

    def refuse(mail_id: UUID, **_: Any) -> None:
        mail = NotificationMail.objects.get(pk=mail_id)
        if mail.organization_id == people.organization.pk:
            raise failures[0]

    notification_mail_due.connect(refuse)
    try:
        with pytest.raises(SoftTimeLimitExceeded):
            announcements.tell_expiring(at=at)
        failures[0] = LookupError("a bug")
        announcements.tell_expiring(at=at)
    finally:
        notification_mail_due.disconnect(refuse)
    told = Notification.objects.filter(kind="license_expiring")
    assert [each.organization_id for each in told] == [people.other.pk]
    assert announcements.tell_expiring(at=at) == 1, "the next hour tries again"


def test_the_catalogue_is_sound() -> None:
    for name, kind in event_types().items():
        assert is_pattern(name)
        assert kind.description.endswith(".")
        assert set(kind.nullable) <= set(kind.example)
        _require_schema(dict(kind.example), kind.schema)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "license.revoked", True),
        ("license.*", "license.revoked", True),
        ("license.*", "licensees.revoked", False),
        ("license.revoked", "license.revoked", True),
        ("license.revoked", "license.issued", False),
        ("lic*", "license.issued", False),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert matches([pattern], name) is fits
