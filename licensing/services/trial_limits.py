"""What the keys of a trial of an API may use: the limits of its tier, until it is over."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Organization
from accounts.services.limits import Allowance
from billing.models import Product
from billing.services.api_plans import allowance_of, settle_allowances, worth
from licensing.models import TrialWorkspace
from licensing.rules.trials import KEY_TIER, TrialTier


def tried_by(organization: Organization, *, at: datetime) -> dict[str, Allowance]:
    """Return what the organization's running trials of APIs give, by the API's name."""
    running = TrialWorkspace.objects.for_organization(organization).active()
    running = running.filter(product__kind=Product.Kind.API, expires_at__gt=at)
    found: dict[str, Allowance] = {}
    for workspace in running.select_related("product"):
        name, allowance = _given(workspace)
        found[name] = max(found.get(name, allowance), allowance, key=worth)
    return found


def _given(workspace: TrialWorkspace) -> tuple[str, Allowance]:
    """Return the API's name and what one unit of its plan of the trial's tier allows.

    That is the product itself where it has the tier, or the best plan for the same API on sale
    that has; without any, what is usual for the tier.
    """
    tier = KEY_TIER[TrialTier(workspace.tier)]
    name, own = allowance_of(workspace.product.grants, 1)
    if own.tier == tier:
        return name, own
    plans = Product.objects.on_sale().filter(kind=Product.Kind.API, grants__tier=tier)
    alike = [plan for each in plans if (plan := allowance_of(each.grants, 1))[0] == name]
    return max(
        alike,
        key=lambda plan: worth(plan[1]),
        default=allowance_of({"tier": tier, "product": name}, 1),
    )


@transaction.atomic
def settle_limits(workspace: TrialWorkspace, *, at: datetime) -> bool:
    """Bring what the organization may use in line; returns whether that was another. Repeatable.

    Workers and staff do this: the processes that serve customers may not write limits. The
    organization stays locked until it is written down that this is done: who moves the trial
    meanwhile waits, and so is settled anew.
    """
    if workspace.product.kind != Product.Kind.API:
        return False
    changed = settle_allowances(workspace.organization_id, at=at)
    TrialWorkspace.objects.filter(pk=workspace.pk).update(limits_settled_at=at)
    return changed
