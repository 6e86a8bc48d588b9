"""Trials: started once, extended by staff, turned into a plan, cancelled, ended on time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, transaction

from accounts.models import ApiKey, Membership, Organization, User
from accounts.rules.tiers import lower
from accounts.services import audit, keys
from accounts.services.live import live
from accounts.services.organizations import lock_open
from billing.models import Product, Subscription
from config.kit.errors import InvalidInput
from licensing import events
from licensing.models import TrialApiKey, TrialWorkspace
from licensing.models.trial import TrialWorkspaceQuerySet
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
from licensing.services.trial_limits import settle_limits

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
    one), `SlugTaken` or `OrganizationClosed`. A license follows within seconds
    (`provide_license`).
    """
    organization = lock_open(organization.pk)
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
        mail_domain=_domain_of(organization, by),
        created_by=by,
    )
    _, secret = add_key(workspace, name=f"{name} trial"[:100], by=by, at=at)
    audit.record("trial.started", workspace, product=product.slug, tier=tier)
    events.trial_started.send(TrialWorkspace, trial=workspace)
    return workspace, secret


def _domain_of(organization: Organization, by: User | None) -> str:
    """Return whose company tries: a program tries for the owner, staff for whom they please."""
    if by is None:
        members = Membership.objects.for_organization(organization).select_related("user")
        by = members.filter(role=Membership.Role.OWNER).earliest("created_at").user
    return "" if by.is_staff else mail_domain(by.email)


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
    lock_open(workspace.organization_id)
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
        tier=_key_tier(workspace),
        expires_at=workspace.expires_at,
        is_trial=True,
        by=by,
    )
    link = TrialApiKey.objects.create(
        workspace=workspace, organization_id=workspace.organization_id, api_key=key
    )
    return link, secret


def _key_tier(workspace: TrialWorkspace) -> str:
    """Return the tier tried; a trial of anything but an API leaves its keys the organization's."""
    if workspace.product.kind == Product.Kind.API:
        return KEY_TIER[TrialTier(workspace.tier)]
    return str(workspace.organization.subscription_tier)


@transaction.atomic
def keep_successor(key: ApiKey) -> None:
    """Let the key that takes the place of a trial's belong to the trial as well."""
    link = TrialApiKey.objects.for_organization(key.organization_id).filter(api_key=key).first()
    if link is not None:
        assert key.rotated_to is not None, "rotating has just set it"
        TrialApiKey.objects.create(
            workspace_id=link.workspace_id,
            organization_id=link.organization_id,
            api_key=key.rotated_to,
        )


def require_end(key: ApiKey) -> None:
    """Refuse that a key outlives its trial, now or when the trial has ended."""
    rows = TrialWorkspace.objects.for_organization(key.organization_id)
    workspace: TrialWorkspace | None = rows.filter(keys__api_key=key).first()
    if workspace is None or workspace.status == TrialStatus.CONVERTED:
        return
    if key.expires_at is None or key.expires_at > workspace.expires_at:
        detail = "The key of a trial ends with the trial, or earlier. Buy the product to keep it."
        raise InvalidInput(
            errors=[{"pointer": "/expires_at", "code": "after_trial", "detail": detail}]
        )


@transaction.atomic
def provide_license(workspace: TrialWorkspace) -> TrialWorkspace:
    """Give an active trial of a license product its license. Runs in a worker; repeatable."""
    workspace = _locked_with_owner(workspace)
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
    """Give a trial more time, an expired one too; its keys and license go on with it.

    A key that its owner lets end at another time keeps that end.
    """
    workspace = _locked_with_owner(workspace)
    if workspace.state(at) == TrialStatus.EXPIRED:
        workspace.status = TrialWorkspace.Status.ACTIVE
    elif workspace.status != TrialStatus.ACTIVE:
        raise TrialOver(status=workspace.status)
    going_on = _keys_that_end_with(workspace)
    workspace.expires_at = extended_end(workspace.expires_at, days=days, at=at)
    _move(workspace, "status", "expires_at")
    for key in going_on:
        keys.set_expiry(key, workspace.expires_at)
    if workspace.license is not None:
        licenses.prolong_license(workspace.license, expires_at=workspace.expires_at)
    settle_limits(workspace, at=at)
    audit.record("trial.extended", workspace, days=days, reason=reason)


@transaction.atomic
def cancel_trial(workspace: TrialWorkspace, *, at: datetime) -> TrialWorkspace:
    """End a trial now: its keys stop at once, its license within seconds. Repeating it is harmless."""
    workspace = _locked_with_owner(workspace)
    if workspace.status == TrialStatus.CANCELLED:
        return workspace
    if not may_move(workspace.state(at), TrialStatus.CANCELLED):
        raise TrialOver(status=workspace.state(at))
    workspace.status = TrialWorkspace.Status.CANCELLED
    workspace.cancelled_at = at
    _move(workspace, "status", "cancelled_at")
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

    Keys, license, license key and devices stay as they are and lose their end; a key that its
    owner lets end at another time keeps that end, and none keeps a higher tier than was bought.
    An expired trial is turned as well for 30 days: who pays a day late keeps what they had.
    """
    owner = _lock_owner(subscription.organization_id)
    trials = TrialWorkspace.objects.for_organization(subscription.organization_id)
    held = trials.select_for_update(of=("self",), no_key=True)
    workspace: TrialWorkspace | None = held.filter(product=subscription.price.product).first()
    if workspace is None or not may_still_convert(workspace.status, workspace.expires_at, at):
        return None
    living = _living_keys(workspace)
    workspace.status = TrialWorkspace.Status.CONVERTED
    workspace.converted_at = at
    workspace.subscription = subscription
    _move(workspace, "status", "converted_at", "subscription")
    settle_limits(workspace, at=at)
    owner.refresh_from_db(fields=["subscription_tier"])
    for key in living:
        ends = None if key.expires_at == workspace.expires_at else key.expires_at
        tier = lower(key.tier, owner.subscription_tier)
        keys.update_key(key, {"tier": tier, "expires_at": ends}, by=None)
    if workspace.license is not None:
        licenses.adopt_license(workspace.license, subscription=subscription)
    audit.record("trial.converted", workspace, subscription=str(subscription.pk))
    events.trial_converted.send(TrialWorkspace, trial=workspace)
    return workspace


@transaction.atomic
def expire_trial(workspace: TrialWorkspace, *, at: datetime) -> bool:
    """Write down that a trial is over; False when meanwhile it was extended, bought or cancelled."""
    workspace = _locked_with_owner(workspace)
    if workspace.status != TrialStatus.ACTIVE or workspace.expires_at > at:
        return False
    workspace.status = TrialWorkspace.Status.EXPIRED
    _move(workspace, "status")
    if workspace.license is not None:
        licenses.expire_license(workspace.license, at=workspace.expires_at)
    settle_limits(workspace, at=at)
    audit.record("trial.expired", workspace)
    events.trial_ended.send(TrialWorkspace, trial=workspace)
    return True


def sweep(at: datetime) -> int:
    """Do for all trials what is due: ends written down, licenses and limits given; how many."""
    rows = TrialWorkspace.objects
    done = _each(rows.overdue(at), partial(expire_trial, at=at))
    done += _each(rows.unsettled(), settle_cancelled)
    done += _each(rows.unprovided(), provide_license)
    return done + _each(rows.unlimited(), partial(settle_limits, at=at), most=BATCH)


def _each(
    rows: TrialWorkspaceQuerySet,
    work: Callable[[TrialWorkspace], object],
    *,
    most: int | None = None,
) -> int:
    """Do the work for each, or for `most` of them; return for how many there was any."""
    done = 0
    for workspace in _walked(rows) if most is None else _drawn(rows, most):
        try:
            done += work(workspace) is not False
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            # The boundary: one product that grants nonsense must not hold up everybody's trial.
            logger.exception("trial.sweep_failed", trial_id=str(workspace.pk))
    return done


def _walked(rows: TrialWorkspaceQuerySet) -> Iterator[TrialWorkspace]:
    """Yield all rows, a batch at a time, each once: those that fail stay due, and are passed."""
    batch = list(rows.order_by("pk")[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1].pk).order_by("pk")[:BATCH])


def _drawn(rows: TrialWorkspaceQuerySet, most: int) -> TrialWorkspaceQuerySet:
    """Return so many rows by lot: those that fail stay due, and keep none away for long."""
    return rows.select_related("product").order_by("?")[:most]


def _move(workspace: TrialWorkspace, *fields: str) -> None:
    """Write a move of a trial whose organization is locked; what it allows is settled anew."""
    workspace.limits_settled_at = None
    workspace.save(update_fields=[*fields, "limits_settled_at"])


def _lock_owner(organization_id: UUID) -> Organization:
    """Lock the organization before a trial and its keys, as whatever changes all its keys does."""
    found: Organization = Organization.objects.select_for_update(no_key=True).get(
        pk=organization_id
    )
    return found


def _locked_with_owner(workspace: TrialWorkspace) -> TrialWorkspace:
    _lock_owner(workspace.organization_id)
    return _locked(workspace)


def _locked(workspace: TrialWorkspace) -> TrialWorkspace:
    found: TrialWorkspace = (
        TrialWorkspace.objects.select_for_update(of=("self",), no_key=True)
        .select_related("organization", "product", "license")
        .get(pk=workspace.pk)
    )
    return found


def _living_keys(workspace: TrialWorkspace) -> list[ApiKey]:
    """Lock the keys of a locked trial. One that is just being rotated brings its successor."""
    held = ApiKey.objects.for_organization(workspace.organization_id)
    alive = held.filter(trial_key__workspace=workspace).exclude(status=ApiKey.Status.REVOKED)
    alive = alive.select_for_update(of=("self",)).order_by("pk")
    locked = list(alive)
    while (found := list(alive.all())) != locked:
        locked = found
    return locked


def _keys_that_end_with(workspace: TrialWorkspace) -> list[ApiKey]:
    """Lock the keys of a locked trial; return those without an end of their own."""
    return [key for key in _living_keys(workspace) if key.expires_at == workspace.expires_at]
