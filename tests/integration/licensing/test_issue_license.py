"""From a subscription to its license, and what may become of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import AuditLog
from billing import events as billing_events
from billing.models import Subscription
from licensing import events
from licensing.models import License
from licensing.rules.keys import read_key
from licensing.rules.refusals import IllegalMove
from licensing.rules.transitions import SuspendedReason
from licensing.services import licenses
from tests.conftest import People
from tests.factories.licensing import AT, license_of, subscription_of

pytestmark = pytest.mark.django_db


def activated(subscription: Subscription) -> None:
    billing_events.subscription_activated.send(Subscription, subscription=subscription)


def ended(subscription: Subscription) -> None:
    billing_events.subscription_ended.send(Subscription, subscription=subscription)


def test_a_paid_subscription_gets_one_license_with_what_it_grants(people: People) -> None:
    grants = {"plan": "fleet", "max_devices": 3}
    subscription = subscription_of(people.organization, grants=grants, quantity=4)
    activated(subscription)
    activated(subscription)
    license = License.objects.get()
    assert license.subscription == subscription
    assert license.organization == people.organization
    assert (license.plan, license.max_devices) == ("fleet", 12)
    assert license.product == subscription.price.product
    assert license.expires_at is None


def test_the_key_is_stored_as_a_hash_and_sealed(people: People) -> None:
    license = license_of(people.organization)
    body = read_key(license.key)
    assert body is not None
    assert license.key_hash == licenses.hash_of(body)
    assert license.display_key == body[-6:]
    assert license.key.encode() not in bytes(license.key_sealed)
    assert license.masked_key == f"SWY-…{body[-6]}-{body[-5:]}"
    entry = AuditLog.objects.get(entity_type="licensing_license", action="insert")
    assert entry.new_values["key_sealed"] == entry.new_values["key_hash"] == "***"


def test_what_is_no_license_gets_none(people: People) -> None:
    activated(subscription_of(people.organization, kind="vm"))
    assert not License.objects.exists()


def test_a_subscription_that_does_not_renew_gives_the_license_its_end(people: People) -> None:
    subscription = subscription_of(people.organization, auto_renew=False)
    activated(subscription)
    assert License.objects.get().expires_at == subscription.current_period_end


def test_an_ended_subscription_ends_its_license_and_a_new_start_brings_it_back(
    people: People,
) -> None:
    subscription = subscription_of(people.organization)
    activated(subscription)
    before = License.objects.get()
    ended(subscription)
    ended(subscription)
    license = License.objects.get()
    assert (license.status, license.state(license.expires_at)) == ("expired", "expired")
    activated(subscription)
    back = License.objects.get()
    assert (back.status, back.expires_at, back.key) == ("active", None, before.key)


def test_a_suspended_license_ends_too_and_a_revoked_one_stays_revoked(people: People) -> None:
    held = license_of(people.organization)
    licenses.suspend_license(held, reason=SuspendedReason.ABUSE)
    ended(held.subscription)
    held.refresh_from_db()
    assert (held.status, held.suspended_reason) == ("expired", "")
    gone = license_of(people.organization)
    licenses.revoke_license(gone)
    ended(gone.subscription)
    activated(gone.subscription)
    gone.refresh_from_db()
    assert gone.status == "revoked"


def test_an_end_never_lies_before_the_start(people: People) -> None:
    license = license_of(people.organization)
    licenses.end_license(license.subscription, at=AT - timedelta(days=1))
    license.refresh_from_db()
    assert license.expires_at == license.starts_at


def test_repeating_a_move_changes_nothing(people: People) -> None:
    license = license_of(people.organization)
    licenses.suspend_license(license, reason=SuspendedReason.OPERATOR)
    version = License.objects.get().version
    licenses.suspend_license(license, reason=SuspendedReason.OPERATOR)
    assert License.objects.get().version == version
    licenses.reinstate_license(license)
    version = License.objects.get().version
    licenses.reinstate_license(license)
    assert License.objects.get().version == version


def test_a_revoked_license_moves_nowhere(people: People) -> None:
    license = licenses.revoke_license(license_of(people.organization))
    with pytest.raises(IllegalMove) as refused:
        licenses.suspend_license(license, reason=SuspendedReason.OPERATOR)
    assert refused.value.data == {"from": "revoked", "to": "suspended"}
    with pytest.raises(IllegalMove):
        licenses.reinstate_license(license)


def test_an_expired_license_is_not_reinstated_by_hand(people: People) -> None:
    license = license_of(people.organization)
    licenses.end_license(license.subscription, at=AT)
    with pytest.raises(IllegalMove):
        licenses.reinstate_license(license)


def test_changes_are_announced_with_what_was_before(people: People) -> None:
    heard: list[tuple[str, str]] = []

    def listen(license: License, former: str, **_: Any) -> None:
        heard.append((former, license.status))

    events.license_status_changed.connect(listen)
    try:
        license = license_of(people.organization)
        licenses.suspend_license(license, reason=SuspendedReason.OPERATOR)
        licenses.revoke_license(license)
    finally:
        events.license_status_changed.disconnect(listen)
    assert heard == [("active", "suspended"), ("suspended", "revoked")]
