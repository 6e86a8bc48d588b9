"""API plans: what a subscription to an API product lets its organization use.

A product of kind api grants {"tier", "requests_per_minute", "monthly_quota", "product"}: the
quota is for each of the quantity bought, none means unlimited; `product` names the API that the
plan is for, without it the plan is for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Organization
from accounts.rules.tiers import DEFAULTS, Tier, rank
from accounts.services.limits import Allowance, set_allowances
from billing.models import Product, Subscription


@transaction.atomic
def renew_allowances(subscription: Subscription, *, at: datetime) -> None:
    """Bring what the organization may use in line with its running API plans.

    Nothing to do for a subscription to anything else. Repeating it changes nothing.
    """
    if subscription.price.product.kind != Product.Kind.API:
        return
    held = Organization.objects.select_for_update(no_key=True)
    organization = held.get(pk=subscription.organization_id)
    running = Subscription.objects.for_organization(organization).running()
    bought: dict[str, Allowance] = {}
    for each in running.filter(price__product__kind=Product.Kind.API).select_related(
        "price__product"
    ):
        product, allowance = allowance_of(each.price.product.grants, each.quantity)
        bought[product] = max(bought.get(product, allowance), allowance, key=worth)
    set_allowances(organization, bought, at=at)


def allowance_of(grants: Mapping[str, Any], quantity: int) -> tuple[str, Allowance]:
    """Read what a product grants: the API's name, empty for all, and what may be used of it."""
    tier = Tier(grants.get("tier", Tier.PRO))
    usual = DEFAULTS[tier]
    rate = int(grants.get("requests_per_minute", usual.requests_per_minute))
    quota = grants.get("monthly_quota", usual.monthly_quota)
    total = None if quota is None else int(quota) * quantity
    return str(grants.get("product", "")), Allowance(tier.value, rate, total)


def worth(allowance: Allowance) -> tuple[int, bool, int]:
    """Order plans for the same API: of several the best counts."""
    quota = allowance.monthly_quota
    return rank(allowance.tier), quota is None, quota or 0
