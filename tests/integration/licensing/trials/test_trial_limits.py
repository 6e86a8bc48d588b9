"""What the keys of a trial may use: the limits of its tier until it is over, at every door."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils.timezone import now

from accounts.models import ApiAllowance, ApiKey, AuditLog, Organization
from accounts.services.calls.quotas import limits_of
from billing import events as billing_events
from billing.models import Product, Subscription
from billing.services.api_plans import settle_allowances
from config.kit import context
from licensing import tasks
from licensing.models import TrialWorkspace
from licensing.services import trial_limits, trials
from tests.conftest import People, WalledClient, behind_the_wall, make_people
from tests.factories.billing import PriceFactory, ProductFactory, plan_of
from tests.factories.keys import make_key
from tests.factories.licensing import subscription_of, trial_product
from tests.integration.licensing.trials.steps import end
from tests.waiting import until_blocked

FREE, PRO, ENTERPRISE = (60, 10_000), (600, 1_000_000), (6_000, None)


@dataclass
class Lab:
    """Northwind, which tries the API `maps`, and its own service that asks about keys."""

    people: People
    commit: Callable[..., Any]
    asker: str

    def start(self, product: Product, tier: str = "enterprise") -> tuple[TrialWorkspace, str]:
        trial, key = self.commit(
            trials.start_trial, self.people.organization, product=product, name="Lab", tier=tier,
            by=self.people.alice, at=now(),
        )  # fmt: skip
        self.nudge(trial)
        return trial, key

    def nudge(self, trial: TrialWorkspace) -> None:
        self.commit(tasks.settle_trial, str(trial.pk))

    def buy(self, trial: TrialWorkspace) -> None:
        held = subscription_of(self.people.organization, price=trial.product.prices.get())
        self.commit(billing_events.subscription_activated.send, Subscription, subscription=held)

    def verify(self, key: str, product: str = "maps") -> dict[str, Any]:
        answer: dict[str, Any] = self.commit(
            WalledClient().post,
            "/api/v1/keys/verify",
            {"key": key, "product": product},
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.asker}"},
        ).json()
        return answer

    def limits(self, key: str, product: str = "maps") -> tuple[int, int | None]:
        answer = self.verify(key, product)
        assert answer["code"] == "VALID"
        return answer["ratelimit"]["limit"], answer["quota"]["limit"]

    def shown(self) -> dict[str, tuple[int, int | None]]:
        """Return what the usage page and its API show."""
        found = limits_of(self.people.organization, now())
        return {each.product: (each.requests_per_minute, each.limit) for each in found}


@pytest.fixture
def lab(people: People, django_capture_on_commit_callbacks: Any) -> Lab:
    def commit(work: Callable[..., Any], *args: Any, **facts: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return work(*args, **facts)

    _, asker = commit(make_key, people.organization, people.alice, "keys:verify")
    return Lab(people, commit, asker)


def maps(tier: str = "pro", **grants: Any) -> Product:
    """A plan for the API `maps` that may be tried."""
    trial = {"days": 14, "tiers": ["standard", "enterprise"]}
    grants = {"product": "maps", "tier": tier, "trial": trial, **grants}
    price: Any = PriceFactory.create(product__kind="api", product__grants=grants)
    return price.product


@pytest.mark.parametrize(("tier", "limits"), [("standard", PRO), ("enterprise", ENTERPRISE)])
def test_a_trials_keys_have_the_limits_of_its_tier(lab: Lab, tier: str, limits: Any) -> None:
    _, key = lab.start(maps(), tier)
    assert lab.limits(key) == limits
    assert lab.limits(key, "mail") == FREE, "only what is tried"
    assert lab.shown() == {"": FREE, "maps": limits}


def test_a_plan_on_sale_says_what_its_tier_gives(lab: Lab) -> None:
    own = maps("pro", requests_per_minute=900, monthly_quota=5_000)
    maps("enterprise", requests_per_minute=7_000, monthly_quota=9_000_000)
    _, key = lab.start(own)
    assert lab.limits(key) == (7_000, 9_000_000)


def test_other_keys_keep_their_tier_and_the_organization_its_own(lab: Lab) -> None:
    _, other = lab.commit(make_key, lab.people.organization, lab.people.alice)
    lab.start(maps())
    assert lab.limits(other) == (60, None), "the quota is the organization's"
    lab.people.organization.refresh_from_db()
    assert lab.people.organization.subscription_tier == "free"


def test_a_trial_lowers_nothing_that_was_bought(lab: Lab) -> None:
    plan = ProductFactory(kind="api", grants={"tier": "enterprise"})
    lab.commit(plan_of, lab.people.organization, plan)
    _, key = lab.start(maps(), "standard")
    assert lab.shown() == {"": ENTERPRISE}
    assert lab.verify(key)["quota"]["limit"] is None


def test_a_trial_adds_to_what_was_bought_and_cuts_nothing_of_it(lab: Lab) -> None:
    grants = {
        "product": "maps", "tier": "pro", "requests_per_minute": 900, "monthly_quota": 60_000,
    }  # fmt: skip
    lab.commit(
        plan_of, lab.people.organization, ProductFactory(kind="api", grants=grants), quantity=3
    )
    lab.commit(settle_allowances, lab.people.organization.pk, at=now())
    _, pro = lab.commit(make_key, lab.people.organization, lab.people.alice, tier="pro")
    _, free = lab.commit(make_key, lab.people.organization, lab.people.alice, tier="free")
    bought = [(900, 180_000), (60, 180_000)]
    assert [lab.limits(pro), lab.limits(free)] == bought
    trial, key = lab.start(maps("enterprise", monthly_quota=100_000))
    assert [lab.limits(pro), lab.limits(free)] == bought
    assert lab.limits(key) == (6_000, 180_000)
    assert lab.shown() == {"": FREE, "maps": (6_000, 180_000)}
    lab.commit(trials.cancel_trial, trial, at=now())
    lab.nudge(trial)
    assert [lab.limits(pro), lab.limits(free)] == bought
    assert lab.shown() == {"": FREE, "maps": (900, 180_000)}


def test_a_trial_of_one_api_has_no_less_than_the_plan_for_all(lab: Lab) -> None:
    grants = {"tier": "pro", "requests_per_minute": 900, "monthly_quota": None}
    lab.commit(plan_of, lab.people.organization, ProductFactory(kind="api", grants=grants))
    lab.commit(settle_allowances, lab.people.organization.pk, at=now())
    _, pro = lab.commit(make_key, lab.people.organization, lab.people.alice, tier="pro")
    _, key = lab.start(maps("enterprise", monthly_quota=100_000))
    assert lab.limits(pro) == (900, None)
    assert lab.limits(key) == (6_000, None)


@pytest.mark.parametrize("how", ["cancelled", "over"])
def test_the_limits_end_with_the_trial(lab: Lab, how: str) -> None:
    trial, key = lab.start(maps())
    if how == "cancelled":
        lab.commit(trials.cancel_trial, trial, at=now())
        lab.nudge(trial)
    else:
        end(trial, now() - timedelta(seconds=1))
        assert lab.commit(trials.sweep, now()) == 1
    assert lab.verify(key)["valid"] is False
    assert lab.shown() == {"": FREE}


def test_an_end_shows_that_what_last_month_allowed_is_not_known(lab: Lab) -> None:
    """`billing.services.quotas` tells of no quota of a month whose limits were changed since."""
    trial, _ = lab.start(maps())
    lab.people.organization.refresh_from_db()
    before = lab.people.organization.updated_at
    lab.commit(trials.cancel_trial, trial, at=now())
    lab.nudge(trial)
    lab.people.organization.refresh_from_db()
    assert lab.people.organization.updated_at > before


def test_more_time_brings_the_limits_back(lab: Lab) -> None:
    trial, key = lab.start(maps())
    end(trial, now() - timedelta(days=1))
    lab.commit(trials.sweep, now())
    lab.commit(trials.extend_trial, trial, days=7, reason="Asked kindly", at=now())
    assert lab.limits(key) == ENTERPRISE


def test_once_bought_the_keys_have_what_was_bought(lab: Lab) -> None:
    trial, key = lab.start(maps("pro", monthly_quota=5_000))
    assert lab.verify(key)["tier"] == "enterprise"
    lab.buy(trial)
    assert (lab.verify(key)["tier"], lab.limits(key)) == ("pro", (600, 5_000))
    assert lab.shown() == {"": FREE, "maps": (600, 5_000)}


def test_a_nudge_that_was_lost_is_made_good_once(lab: Lab) -> None:
    trial, key = lab.commit(
        trials.start_trial, lab.people.organization, product=maps(), name="Lab",
        tier="enterprise", by=lab.people.alice, at=now(),
    )  # fmt: skip
    assert [lab.commit(trials.sweep, now()) for _ in range(2)] == [1, 0]
    assert lab.limits(key) == ENTERPRISE
    lab.commit(trials.cancel_trial, trial, at=now())
    assert [lab.commit(trials.sweep, now()) for _ in range(2)] == [1, 0]
    assert lab.shown() == {"": FREE}


def test_a_trial_of_long_ago_is_settled_once_and_left_alone_until_it_moves(
    lab: Lab, django_assert_num_queries: Any
) -> None:
    trial, _ = lab.start(maps())
    lab.commit(make_long_ago, trial)
    assert lab.shown() == {"": FREE}
    assert lab.commit(trials.sweep, now()) == 1
    assert lab.shown() == {"": FREE, "maps": ENTERPRISE}
    with django_assert_num_queries(4):
        assert lab.commit(trials.sweep, now()) == 0
    lab.commit(trials.extend_trial, trial, days=7, reason="Asked kindly", at=now())
    assert not TrialWorkspace.objects.unlimited().exists(), "settled with the move"
    lab.commit(trials.cancel_trial, trial, at=now())
    assert TrialWorkspace.objects.unlimited().get() == trial


def make_long_ago(trial: TrialWorkspace) -> None:
    """Leave the trial as one that was started before anybody settled limits."""
    began = now() - timedelta(days=3)
    TrialWorkspace.objects.filter(pk=trial.pk).update(limits_settled_at=None, created_at=began)
    ApiAllowance.objects.for_organization(trial.organization_id).delete()


def test_a_run_settles_so_many_and_gives_licenses_first(people: People) -> None:
    """Trials that fail are among them: none of them keeps another away for long."""
    broken = PriceFactory.create(product__kind="api", product__grants={"tier": "gold"}).product
    organizations = Organization.objects.bulk_create(
        Organization(name=f"Company {number}") for number in range(trials.BATCH + 20)
    )
    ends = now() + timedelta(days=9)
    TrialWorkspace.objects.bulk_create(
        TrialWorkspace(
            organization=each, product=broken, name="Tried", slug=str(each.pk), expires_at=ends
        )
        for each in organizations
    )
    tried, _ = trials.start_trial(
        people.organization, product=trial_product(), name="Lab", by=people.alice, at=now()
    )
    assert trials.sweep(now()) == 1
    tried.refresh_from_db()
    assert tried.license is not None
    good, _ = trials.start_trial(
        people.organization, product=maps(), name="Good", by=people.alice, at=now()
    )
    assert any(trials.sweep(now()) for _ in range(30)), "whom the lot left out is drawn soon"
    good.refresh_from_db()
    assert good.limits_settled_at is not None


def test_settling_leaves_nothing_in_the_trail(lab: Lab) -> None:
    trial, _ = lab.start(maps())
    rows = AuditLog.objects.filter(entity_type="licensing_trialworkspace")
    before = rows.count()
    lab.commit(make_long_ago, trial)
    lab.commit(trials.sweep, now())
    trial.refresh_from_db()
    assert trial.limits_settled_at is not None
    assert rows.count() == before + 1, "that the test moved its start"


@pytest.mark.usefixtures("live_database")
def test_a_trial_that_is_cancelled_while_it_is_settled_is_settled_again() -> None:
    """Who settles holds the organization until it is written down; the cancelling waits for it."""
    people = make_people()
    trial, _ = trials.start_trial(
        people.organization, product=maps(), name="Lab", by=people.alice, at=now()
    )
    trial.refresh_from_db()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            trial_limits.settle_limits(trial, at=now())
            cancelling = until_blocked(pool, lambda: trials.cancel_trial(trial, at=now()))
        cancelling.result(30)
    assert TrialWorkspace.objects.unlimited().get() == trial
    trials.sweep(now())
    assert not TrialWorkspace.objects.unlimited().exists()
    assert not ApiAllowance.objects.for_organization(people.organization).exists()
    connections.close_all()


def test_the_site_cancels_and_leaves_the_limits_to_a_worker(lab: Lab) -> None:
    trial, _ = lab.start(maps())
    with behind_the_wall(), context.acting(organization_id=lab.people.organization.pk):
        trials.cancel_trial(trial, at=now())
    assert TrialWorkspace.objects.unlimited().get() == trial
    assert lab.shown() == {"": FREE, "maps": ENTERPRISE}
    lab.commit(trials.sweep, now())
    assert lab.shown() == {"": FREE}


def test_a_license_is_tried_with_the_organizations_own_tier(lab: Lab) -> None:
    offer = {"plan": "team", "trial": {"tiers": ["standard", "enterprise"]}}
    price: Any = PriceFactory.create(product__grants=offer)
    trial, _ = lab.start(price.product)
    assert ApiKey.objects.get(trial_key__workspace=trial).tier == "free"
    assert lab.shown() == {"": FREE}


def test_the_form_says_what_a_tier_gives(alice: WalledClient) -> None:
    page = alice.get(f"/trials/start/{maps().slug}/").content.decode()
    assert "Enterprise: with the limits of the enterprise tier" in page
