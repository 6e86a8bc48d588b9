"""An API product that is bought raises what the organization's keys may use, and its end lowers it."""

from __future__ import annotations

from datetime import timedelta

from django.utils.timezone import now

from accounts.services.limits import quotas_of
from billing.models import Subscription
from billing.services.api_plans import allowance_of, renew_allowances
from config.kit import context
from tests.conftest import People
from tests.factories.backoffice import purchase
from tests.factories.billing import PriceFactory


def test_a_plan_counts_while_its_subscription_runs(people: People) -> None:
    price = PriceFactory()
    purchase(people.organization, people.alice, price, now())
    product = price.product
    product.kind, product.grants = "api", {"tier": "pro", "monthly_quota": 5000}
    product.save()
    organization = people.organization
    with context.acting(organization_id=organization.pk):
        subscription = Subscription.objects.for_organization(organization).get()
        renew_allowances(subscription, at=now())
        organization.refresh_from_db()
        assert organization.subscription_tier == "pro"
        [quota] = quotas_of(organization, now())
        assert (quota.limit, quota.requests_per_minute) == (5000, 600)
        subscription.status, subscription.ended_at = "ended", now() + timedelta(seconds=1)
        subscription.save(update_fields=["status", "ended_at"])
        renew_allowances(subscription, at=now())
        organization.refresh_from_db()
        assert organization.subscription_tier == "free"
        [quota] = quotas_of(organization, now())
        assert quota.limit == 10_000


def test_a_plan_for_one_api_names_it_and_its_quota_grows_with_the_quantity() -> None:
    product, allowance = allowance_of(
        {"tier": "pro", "product": "maps", "monthly_quota": 100, "requests_per_minute": 9}, 3
    )
    assert product == "maps"
    assert (allowance.monthly_quota, allowance.requests_per_minute) == (300, 9)
    assert allowance_of({"tier": "enterprise"}, 2)[1].monthly_quota is None
