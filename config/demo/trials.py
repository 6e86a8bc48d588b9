"""Two trial workspaces: one with five days left, one that has run out."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import ApiKey, Organization, User
from accounts.services import keys
from billing.models import Product
from config.kit import context
from licensing.models import TrialWorkspace
from licensing.services import trials


def fill_trials(
    organization: Organization, second: Organization, owner: User, *, at: datetime
) -> int:
    """Start what is missing; returns how many."""
    day = timedelta(days=1)
    with context.acting(organization_id=organization.pk):
        started = _try(
            organization, owner, "fleet-insight", "Insight", at - 9 * day, at + 5.1 * day
        )
    with context.acting(organization_id=second.pk):
        started += _try(second, owner, "fleet-remote-team", "Bench", at - 20 * day, at - 6 * day)
    trials.sweep(at)
    return started


@transaction.atomic
def _try(
    organization: Organization,
    owner: User,
    slug: str,
    name: str,
    began: datetime,
    ends: datetime,
) -> int:
    """Start a trial and move it to its place in the past, keys along, before anybody sees it."""
    product = Product.objects.get(slug=slug)
    rows = TrialWorkspace.objects.for_organization(organization)
    if rows.filter(product=product).exists():
        return 0
    trial, _ = trials.start_trial(
        organization, product=product, name=name, by=owner, at=began, days=60
    )
    rows.filter(pk=trial.pk).update(created_at=began, expires_at=ends)
    for key in ApiKey.objects.for_organization(organization).filter(trial_key__workspace=trial):
        ApiKey.objects.filter(pk=key.pk).update(created_at=began)
        keys.set_expiry(key, ends)
    return 1
