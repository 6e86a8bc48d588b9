"""Licenses: issued with a subscription, ended with it, held and released by the operator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from accounts.services import audit
from billing.models import Product, Subscription
from config.kit.ids import keyed_hash, seal
from licensing import events
from licensing.models import License
from licensing.rules.keys import make_key, read_key
from licensing.rules.refusals import IllegalMove
from licensing.rules.transitions import SuspendedReason, may_move
from licensing.services.publishing import publish_after_commit

logger = structlog.get_logger(__name__)


def hash_of(body: str) -> str:
    """Return what a key is stored and found by; `body` is what `rules.keys.read_key` returns."""
    return keyed_hash("license-key", body)


@transaction.atomic
def issue_license(subscription: Subscription, *, at: datetime) -> License | None:
    """Give a paid subscription its one license; None for a product that is no license.

    Called again it changes nothing, unless the subscription had ended: then the same license,
    with its key and devices, is active again.
    """
    # The lock, not only the unique column: the second caller must find the first one's license.
    subscription = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
    product = subscription.price.product
    if product.kind != Product.Kind.LICENSE:
        return None
    existing = License.objects.select_for_update().filter(subscription=subscription).first()
    if existing is not None:
        return _renew(existing, subscription)
    return _create(
        product,
        organization_id=subscription.organization_id,
        quantity=subscription.quantity,
        subscription=subscription,
        starts_at=at,
        expires_at=_end_of(subscription),
    )


@transaction.atomic
def issue_trial_license(
    organization_id: UUID, *, product: Product, starts_at: datetime, expires_at: datetime
) -> License:
    """Give a trial its license: one unit of the product, until the trial's end."""
    return _create(
        product,
        organization_id=organization_id,
        quantity=1,
        starts_at=starts_at,
        expires_at=expires_at,
    )


@transaction.atomic
def adopt_license(license: License, *, subscription: Subscription) -> License:
    """Let a subscription go on with the license of a trial: same id, key and devices.

    A suspended one stays suspended until the operator releases it. A revoked one is left alone,
    so that `issue_license` makes the subscription its own.
    """
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.status == License.Status.REVOKED:
        return license
    license.plan, license.max_devices = _grants(subscription.price.product, subscription.quantity)
    license.subscription = subscription
    license.expires_at = _end_of(subscription)
    wanted = License.Status(license.status)
    if wanted == License.Status.EXPIRED:
        wanted = License.Status.ACTIVE
    return _move(license, wanted, "plan", "max_devices", "subscription", "expires_at")


@transaction.atomic
def prolong_license(license: License, *, expires_at: datetime) -> License:
    """Let a license end later; one that had expired is active again."""
    license = License.objects.select_for_update().get(pk=license.pk)
    license.expires_at = expires_at
    wanted = License.Status(license.status)
    if wanted == License.Status.EXPIRED:
        wanted = License.Status.ACTIVE
    return _move(license, wanted, "expires_at")


@transaction.atomic
def end_license(subscription: Subscription, *, at: datetime) -> License | None:
    """Let the license of an ended subscription expire; None when it has none."""
    license = License.objects.filter(subscription=subscription).first()
    return None if license is None else expire_license(license, at=at)


@transaction.atomic
def expire_license(license: License, *, at: datetime) -> License:
    """Let a license expire at `at`, or at its own end if that was earlier; repeating is harmless."""
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.status in (License.Status.EXPIRED, License.Status.REVOKED):
        return license
    ends = max(at, license.starts_at)
    license.expires_at = min(license.expires_at or ends, ends)
    license.suspended_reason = ""
    return _move(license, License.Status.EXPIRED, "expires_at", "suspended_reason")


@transaction.atomic
def rest_license(license: License) -> License:
    """Let a license expire and keep its own end, so that `wake_license` can bring it back."""
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.status != License.Status.ACTIVE:
        return license
    return _move(license, License.Status.EXPIRED)


@transaction.atomic
def wake_license(license: License) -> License:
    """Let an expired license work again until its own end."""
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.status != License.Status.EXPIRED:
        return license
    return _move(license, License.Status.ACTIVE)


@transaction.atomic
def suspend_license(license: License, *, reason: SuspendedReason) -> License:
    """Hold a license: devices keep their seats and hear why at their next question."""
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.status == License.Status.SUSPENDED and license.suspended_reason == reason:
        return license
    license.suspended_reason = reason.value
    return _move(license, License.Status.SUSPENDED, "suspended_reason")


@transaction.atomic
def reinstate_license(license: License) -> License:
    """Release a suspended license."""
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.status == License.Status.ACTIVE:
        return license
    if license.status != License.Status.SUSPENDED:
        raise IllegalMove(former=license.status, wanted=License.Status.ACTIVE)
    license.suspended_reason = ""
    return _move(license, License.Status.ACTIVE, "suspended_reason")


@transaction.atomic
def revoke_license(license: License) -> License:
    """End a license for good; nothing brings it back."""
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.status == License.Status.REVOKED:
        return license
    license.suspended_reason = ""
    return _move(license, License.Status.REVOKED, "suspended_reason")


@transaction.atomic
def change_limit(license: License, *, max_devices: int) -> License:
    """Allow more or fewer devices. Those active stay, even above the limit; none is added there."""
    license = License.objects.select_for_update().get(pk=license.pk)
    if license.max_devices != max_devices:
        license.max_devices = max_devices
        license.save(update_fields=["max_devices"])
        publish_after_commit(license.pk)
    return license


@transaction.atomic
def reveal_key(license: License) -> str:
    """Return the key in clear, and record who saw it."""
    audit.record("license.key_revealed", license)
    return license.key


def _create(product: Product, *, quantity: int, **facts: Any) -> License:
    plan, max_devices = _grants(product, quantity)
    key = make_key()
    license = License.objects.create(
        product=product,
        plan=plan,
        key_hash=hash_of(read_key(key) or ""),
        key_sealed=seal(key),
        display_key=key[-7:].replace("-", ""),
        max_devices=max_devices,
        **facts,
    )
    publish_after_commit(license.pk)
    events.license_issued.send(License, license=license)
    logger.info("license.issued", license_id=str(license.pk))
    return license


def _renew(license: License, subscription: Subscription) -> License:
    if license.status != License.Status.EXPIRED:
        return license
    license.expires_at = _end_of(subscription)
    return _move(license, License.Status.ACTIVE, "expires_at")


def _move(license: License, wanted: License.Status, *changed: str) -> License:
    """Set the status of a locked license, with the columns that changed beside it."""
    former = license.status
    if former != wanted and not may_move(former, wanted):
        raise IllegalMove(former=former, wanted=wanted)
    license.status = wanted
    license.save(update_fields=["status", *changed])
    publish_after_commit(license.pk)
    events.license_status_changed.send(License, license=license, former=former)
    logger.info("license.status_changed", license_id=str(license.pk), status=wanted.value)
    return license


def _grants(product: Product, quantity: int) -> tuple[str, int]:
    grants: Mapping[str, Any] = product.grants
    per_unit = int(grants.get("max_devices", 1))
    return str(grants.get("plan") or product.slug), per_unit * quantity


def _end_of(subscription: Subscription) -> datetime | None:
    """A subscription that renews has no end in sight; its end is announced when it comes."""
    if subscription.auto_renew and not subscription.cancel_at_period_end:
        return None
    return subscription.current_period_end
