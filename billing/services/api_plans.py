"""API plans: what a subscription to an API product lets its organization use.

A product of kind api grants {"tier", "requests_per_minute", "monthly_quota", "product"}: the
quota is for each of the quantity bought, none means unlimited; `product` names the API that the
plan is for, without it the plan is for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import ApiAllowance, Organization
from accounts.rules.tiers import DEFAULTS, Tier, rank
from accounts.services.limits import Allowance, set_allowances
from billing import events
from billing.models import Product, Subscription


@transaction.atomic
def renew_allowances(subscription: Subscription, *, at: datetime) -> None:
    """Bring what the organization may use in line; nothing to do for what is no API plan."""
    if subscription.price.product.kind == Product.Kind.API:
        settle_allowances(subscription.organization_id, at=at)


@transaction.atomic
def settle_allowances(organization_id: UUID, *, at: datetime) -> bool:
    """Bring what the organization may use in line with its running API plans, and with its trials.

    Returns whether anything was different. Repeating it changes nothing.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
    before = _stored(organization)
    bought = _bought(organization)
    set_allowances(organization, bought, tried=_tried(organization, bought, at), at=at)
    return _stored(organization) != before


def _stored(organization: Organization) -> dict[str, Any]:
    rows = ApiAllowance.objects.for_organization(organization)
    return {
        row.product: (
            row.tier,
            row.requests_per_minute,
            row.monthly_quota,
            row.bought_tier,
            row.bought_per_minute,
        )
        for row in rows
    }


def _bought(organization: Organization) -> dict[str, Allowance]:
    running = Subscription.objects.for_organization(organization).running()
    bought: dict[str, Allowance] = {}
    for each in running.filter(price__product__kind=Product.Kind.API).select_related(
        "price__product"
    ):
        product, allowance = allowance_of(each.price.product.grants, each.quantity)
        bought[product] = max(bought.get(product, allowance), allowance, key=worth)
    return bought


def _tried(
    organization: Organization, bought: Mapping[str, Allowance], at: datetime
) -> dict[str, Allowance]:
    """Return what trials give beyond what was bought, with that; the storey above knows of trials."""
    answers: list[tuple[Any, Any]] = events.api_plans_renewing.send(
        Organization, organization=organization, at=at
    )
    tried = {product: each for _, found in answers for product, each in found.items()}
    usable: dict[str, Allowance] = {}
    for product, each in tried.items():
        paid = bought.get(product) or bought.get("")
        best = each if paid is None else raised(paid, each)
        if best != paid:
            usable[product] = best
    return usable


def raised(paid: Allowance, tried: Allowance) -> Allowance:
    """Add to what was bought what a trial gives beyond it; nothing bought becomes less."""
    quotas = [each for each in (paid.monthly_quota, tried.monthly_quota) if each is not None]
    best = Allowance(
        max(paid.tier, tried.tier, key=rank),
        max(paid.requests_per_minute, tried.requests_per_minute),
        max(quotas) if len(quotas) == 2 else None,
    )
    return best if best == paid else replace(best, bought=(paid.tier, paid.requests_per_minute))


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
