"""Calls of what is tried, with the keys of its trial, cost nothing until it is bought."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from accounts.models import ApiKey, Organization
from accounts.rules.calls import Call, id_at
from accounts.services.calls import ingest
from billing.models import Product, UsageRecord
from billing.services.metering import meter_calls
from tests.conftest import People
from tests.factories.billing import ProductFactory, plan_of
from tests.factories.keys import make_key
from tests.factories.licensing import trial_product
from tests.integration.licensing.trials.steps import bought, started

HOUR = timedelta(hours=1)
SPECS = {"price_per_thousand": {"EUR": "1000"}}
THIS_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def call(key: ApiKey, at: datetime, *, times: int = 1, product: str = "") -> None:
    ingest.write([
        Call(id_at(at, key.pk.int % 2**60 + noise), key.organization_id, key.pk, "/v1/x", "GET", 200, 5,
             product)
        for noise in range(times)
    ])  # fmt: skip


def api(**grants: str) -> Product:
    """A plan that may be tried, for the API that `product` names, else for all."""
    product = trial_product("api")
    product.grants |= grants
    product.specs = SPECS
    product.save()
    return product


def meter() -> int:
    return meter_calls(since=THIS_HOUR - 30 * HOUR, at=THIS_HOUR + 5 * HOUR)


def costs(organization: Organization) -> list[tuple[str, int, Decimal]]:
    rows = UsageRecord.objects.for_organization(organization).order_by("period_start", "id")
    return list(rows.values_list("feature_type", "request_count", "total_cost"))


def a_plan_for_all(people: People) -> None:
    plan_of(people.organization, ProductFactory(kind="api", specs=SPECS, grants={}))


def test_a_trials_calls_are_booked_apart_for_nothing_until_it_is_bought(people: People) -> None:
    a_plan_for_all(people)
    other, _ = make_key(people.organization, people.alice)
    trial = started(people, api())
    tried = ApiKey.objects.get(trial_key__workspace=trial)
    call(tried, THIS_HOUR - 2 * HOUR, times=2)
    call(other, THIS_HOUR - 2 * HOUR, times=3)
    assert meter() == 2
    assert costs(people.organization) == [("api_calls", 3, 3), ("trial_calls", 2, 0)]
    bought(people, trial)
    assert meter() == 0, "what was tried stays tried"
    call(tried, THIS_HOUR + 2 * HOUR)
    assert meter() == 1
    assert costs(people.organization)[2:] == [("api_calls", 1, 1)]


@pytest.mark.parametrize(
    ("kind", "tried", "called", "feature"),
    [
        ("api", "maps", "maps", "trial_calls"),
        ("api", "", "maps", "trial_calls"),
        ("api", "weather", "maps", "api_calls"),
        ("api", "weather", "", "api_calls"),
        ("license", "", "maps", "api_calls"),
        ("license", "maps", "maps", "api_calls"),
    ],
)
def test_a_trials_key_is_free_for_the_api_that_is_tried_only(
    people: People, kind: str, tried: str, called: str, feature: str
) -> None:
    a_plan_for_all(people)
    for name in ("maps", "weather"):
        ProductFactory(kind="api", slug=name)
    product = api(**{"product": tried} if tried else {})
    product.kind = kind
    product.save()
    key = ApiKey.objects.get(trial_key__workspace=started(people, product))
    call(key, THIS_HOUR - 2 * HOUR, times=2, product=called)
    assert meter() == 1
    assert costs(people.organization) == [(feature, 2, 2 if feature == "api_calls" else 0)]


def test_what_was_charged_for_a_trials_calls_is_given_back(people: People) -> None:
    a_plan_for_all(people)
    trial, hour = started(people, api()), THIS_HOUR - 2 * HOUR
    call(ApiKey.objects.get(trial_key__workspace=trial), hour, times=2)
    UsageRecord.objects.create(
        organization=people.organization,
        feature_type="api_calls",
        period_start=hour,
        period_end=hour + HOUR,
        request_count=2,
        rate_per_thousand=1000,
        total_cost=2,
        currency="EUR",
        source_key=_source(people.organization.pk, hour),
    )
    assert meter() == 2
    assert costs(people.organization) == [
        ("api_calls", 2, 2),
        ("api_calls", -2, -2),
        ("trial_calls", 2, 0),
    ]


def _source(organization_id: UUID, hour: datetime) -> str:
    return f"api_calls/{organization_id}//{hour:%Y-%m-%dT%H}/0"
