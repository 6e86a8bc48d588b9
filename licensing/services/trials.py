"""Trials: started once, extended by staff, turned into a plan, cancelled, ended on time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction

from accounts.models import ApiKey, Organization, User
from accounts.services import audit, keys
from accounts.services.live import live
from billing.models import Product, Subscription
from licensing import events
from licensing.models import TrialApiKey, TrialWorkspace
from licensing.rules.trials import (
    KEY_TIER,
    MOST_KEYS,
    SlugTaken,
    TooManyTrialKeys,
    TrialNotOffered,
    TrialOver,
    TrialStatus,
    TrialTier,
    TrialUsed,
    extended_end,
    mail_domain,
    make_slug,
    may_move,
    may_still_convert,
    offer_of,
    require_slug,
)
from licensing.services import licenses

logger = structlog.get_logger(__name__)
BATCH = 200


@transaction.atomic
def start_trial(
    organization: Organization,
    *,
    product: Product,
    name: str,
    slug: str = "",
    tier: str = TrialTier.STANDARD,
    by: User | None,
    at: datetime,
    days: int | None = None,
) -> tuple[TrialWorkspace, str]:
    """Start the one trial of a product; return it and its first key in clear, shown this once.

    `days` is for staff; otherwise the product says, and where it does not, the house. Raises
    `TrialNotOffered`, `TrialUsed` (also when another organization of the same mail domain had
    one) or `SlugTaken`. A license follows within seconds (`provide_license`).
    """
    usual, tiers = offer_of(product.grants, live("TRIAL_DAYS"))
    if not product.is_active or tier not in tiers:
        raise TrialNotOffered
    earlier = TrialWorkspace.objects.for_organization(organization).filter(product=product).first()
    if earlier is not None:
        raise TrialUsed(trial={"id": str(earlier.pk), "status": earlier.state(at)})
    workspace = _write(
        organization=organization,
        product=product,
        name=name,
        slug=require_slug(slug) if slug else make_slug(name),
        tier=tier,
        expires_at=at + timedelta(days=days or usual),
        mail_domain=mail_domain(by.email) if by is not None and not by.is_staff else "",
        created_by=by,
    )
    _, secret = add_key(workspace, name=f"{name} trial"[:100], by=by, at=at)
    audit.record("trial.started", workspace, product=product.slug, tier=tier)
    events.trial_started.send(TrialWorkspace, trial=workspace)
    return workspace, secret


def _write(**facts: Any) -> TrialWorkspace:
    """Insert the row; what the database refuses is told in our words."""
    try:
        with transaction.atomic():
            written: TrialWorkspace = TrialWorkspace.objects.create(**facts)
    except IntegrityError as error:
        if "licensing_trialworkspace_slug" in str(error):
            raise SlugTaken from error
        if "_once" in str(error) or "_domain" in str(error):
            raise TrialUsed from error
        raise
    return written


@transaction.atomic
def add_key(
    workspace: TrialWorkspace, *, name: str, by: User | None, at: datetime
) -> tuple[TrialApiKey, str]:
    """Make another key that ends with the trial; return it and the secret, shown this once."""
    workspace = _locked(workspace)
    if workspace.state(at) != TrialStatus.ACTIVE:
        raise TrialOver(status=workspace.state(at))
    held = ApiKey.objects.for_organization(workspace.organization_id)
    alive = held.filter(trial_key__workspace=workspace).exclude(status=ApiKey.Status.REVOKED)
    if alive.count() >= MOST_KEYS:
        raise TooManyTrialKeys
    key, secret = keys.issue_key(
        workspace.organization,
        name=name,
        scopes=[],
        tier=KEY_TIER[TrialTier(workspace.tier)],
        expires_at=workspace.expires_at,
        is_trial=True,
        by=by,
    )
    link = TrialApiKey.objects.create(
        workspace=workspace, organization_id=workspace.organization_id, api_key=key
    )
    return link, secret


@transaction.atomic
def provide_license(workspace: TrialWorkspace) -> TrialWorkspace:
    """Give an active trial of a license product its license. Runs in a worker; repeatable."""
    workspace = _locked(workspace)
    product = workspace.product
    if workspace.status != TrialStatus.ACTIVE or product.kind != Product.Kind.LICENSE:
        return workspace
    if workspace.license_id is None:
        workspace.license = licenses.issue_trial_license(
            workspace.organization_id,
            product=product,
            starts_at=workspace.created_at,
            expires_at=workspace.expires_at,
        )
        workspace.save(update_fields=["license"])
    return workspace


@transaction.atomic
def extend_trial(workspace: TrialWorkspace, *, days: int, reason: str, at: datetime) -> None:
    """Give a trial more time, an expired one too; its keys and license go on with it."""
    workspace = _locked(workspace)
    if workspace.state(at) == TrialStatus.EXPIRED:
        workspace.status = TrialWorkspace.Status.ACTIVE
    elif workspace.status != TrialStatus.ACTIVE:
        raise TrialOver(status=workspace.status)
    workspace.expires_at = extended_end(workspace.expires_at, days=days, at=at)
    workspace.save(update_fields=["status", "expires_at"])
    for key in _living_keys(workspace):
        keys.set_expiry(key, workspace.expires_at)
    if workspace.license is not None:
        licenses.prolong_license(workspace.license, expires_at=workspace.expires_at)
    audit.record("trial.extended", workspace, days=days, reason=reason)


@transaction.atomic
def cancel_trial(workspace: TrialWorkspace, *, at: datetime) -> TrialWorkspace:
    """End a trial now: its keys stop at once, its license within seconds. Repeating it is harmless."""
    workspace = _locked(workspace)
    if workspace.status == TrialStatus.CANCELLED:
        return workspace
    if not may_move(workspace.state(at), TrialStatus.CANCELLED):
        raise TrialOver(status=workspace.state(at))
    workspace.status = TrialWorkspace.Status.CANCELLED
    workspace.cancelled_at = at
    workspace.save(update_fields=["status", "cancelled_at"])
    for key in _living_keys(workspace):
        keys.revoke_key(key, reason="trial_cancelled")
    audit.record("trial.cancelled", workspace)
    events.trial_ended.send(TrialWorkspace, trial=workspace)
    return workspace


@transaction.atomic
def settle_cancelled(workspace: TrialWorkspace) -> None:
    """End the license of a cancelled trial. Runs in a worker; repeatable."""
    workspace = _locked(workspace)
    if workspace.status == TrialStatus.CANCELLED and workspace.license is not None:
        assert workspace.cancelled_at is not None, "the database holds this"
        licenses.expire_license(workspace.license, at=workspace.cancelled_at)


@transaction.atomic
def convert_trial(subscription: Subscription, *, at: datetime) -> TrialWorkspace | None:
    """Turn the organization's trial of what was bought into it; None when there is none to turn.

    Keys, license, license key and devices stay as they are and lose their end. An expired trial
    is turned as well for 30 days: who pays a day late keeps what they had.
    """
    trials = TrialWorkspace.objects.for_organization(subscription.organization_id)
    held = trials.select_for_update(of=("self",)).filter(product=subscription.price.product)
    workspace: TrialWorkspace | None = held.first()
    if workspace is None or not may_still_convert(workspace.status, workspace.expires_at, at):
        return None
    workspace.status = TrialWorkspace.Status.CONVERTED
    workspace.converted_at = at
    workspace.subscription = subscription
    workspace.save(update_fields=["status", "converted_at", "subscription"])
    for key in _living_keys(workspace):
        keys.set_expiry(key, None)
    if workspace.license is not None:
        licenses.adopt_license(workspace.license, subscription=subscription)
    audit.record("trial.converted", workspace, subscription=str(subscription.pk))
    events.trial_converted.send(TrialWorkspace, trial=workspace)
    return workspace


@transaction.atomic
def expire_trial(workspace: TrialWorkspace, *, at: datetime) -> bool:
    """Write down that a trial is over; False when meanwhile it was extended, bought or cancelled."""
    workspace = _locked(workspace)
    if workspace.status != TrialStatus.ACTIVE or workspace.expires_at > at:
        return False
    workspace.status = TrialWorkspace.Status.EXPIRED
    workspace.save(update_fields=["status"])
    if workspace.license is not None:
        licenses.expire_license(workspace.license, at=workspace.expires_at)
    audit.record("trial.expired", workspace)
    events.trial_ended.send(TrialWorkspace, trial=workspace)
    return True


def sweep(at: datetime) -> int:
    """Do for all trials what is due: licenses given, ends written down. Returns how many."""
    done = 0
    for workspace in TrialWorkspace.objects.unprovided()[:BATCH]:
        provide_license(workspace)
        done += 1
    for workspace in TrialWorkspace.objects.overdue(at)[:BATCH]:
        done += expire_trial(workspace, at=at)
    for workspace in TrialWorkspace.objects.unsettled()[:BATCH]:
        settle_cancelled(workspace)
        done += 1
    return done


def _locked(workspace: TrialWorkspace) -> TrialWorkspace:
    found: TrialWorkspace = (
        TrialWorkspace.objects.select_for_update(of=("self",))
        .select_related("organization", "product", "license")
        .get(pk=workspace.pk)
    )
    return found


def _living_keys(workspace: TrialWorkspace) -> list[ApiKey]:
    held = ApiKey.objects.for_organization(workspace.organization_id)
    alive = held.filter(trial_key__workspace=workspace).exclude(status=ApiKey.Status.REVOKED)
    return list(alive.order_by("pk"))
