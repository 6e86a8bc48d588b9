"""What staff may put on sale: only what whoever provides it can read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Product


@pytest.mark.parametrize(
    ("kind", "grants"),
    [
        ("license", []),
        ("license", {"max_devices": 0}),
        ("license", {"max_devices": "many"}),
        ("license", {"plan": 7}),
        ("license", {"trial": {"days": "x"}}),
        ("license", {"trial": {"days": None}}),
        ("license", {"trial": {"tiers": ["gold"]}}),
        ("api", {"trial": {"days": 0}}),
        ("api", {"tier": "gold"}),
        ("api", {"monthly_quota": "many"}),
        ("api", {"requests_per_minute": 0}),
        ("api", {"product": None}),
    ],
)
def test_a_product_cannot_grant_what_nobody_could_give(
    kind: str, grants: Any, admin: Client, house: None
) -> None:
    before = Product.objects.count()
    form = {
        "name": "Relay Crew", "kind": kind, "slug": "relay-crew", "sku": "RC-1", "features": "[]",
        "specs": "{}", "grants": json.dumps(grants), "sort_order": "3", "is_active": "on",
        "prices-TOTAL_FORMS": "0", "prices-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = admin.post(reverse("admin:billing_product_add"), form)
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == ["grants"]
    answer = admin.post(reverse("admin:billing_product_add"), form | {"grants": "{}"})
    assert answer.status_code == 302, answer.content
    assert Product.objects.count() == before + 1


@pytest.mark.parametrize(
    "specs", ["[]", '{"price_per_thousand": 3}', '{"price_per_thousand": {"EUR": "1e9"}}']
)
def test_what_a_thousand_calls_cost_can_be_read(specs: str, admin: Client, house: None) -> None:
    form = {
        "name": "Maps Pro", "kind": "api", "slug": "maps-pro", "sku": "MP-1", "features": "[]",
        "specs": specs, "grants": "{}", "sort_order": "3", "is_active": "on",
        "prices-TOTAL_FORMS": "0", "prices-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = admin.post(reverse("admin:billing_product_add"), form)
    assert list(answer.context["adminform"].form.errors) == ["specs"]
    right = {"specs": '{"price_per_thousand": {"EUR": "0.4"}}'}
    assert admin.post(reverse("admin:billing_product_add"), form | right).status_code == 302
