"""Lists and pages open, and cost the same however many rows there are."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import Seal
from tests.factories.backoffice import fill
from tests.integration.backoffice.conftest import LISTS, PAGES

OURS = sorted(LISTS, key=lambda model: model._meta.label)


def listed(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200, answer.content[:500]
    return len(captured)


def test_a_list_asks_as_many_questions_for_30_rows_as_for_3(admin: Client) -> None:
    """ADM-4: bounded, so that 100,000 rows ask no more; how long that takes, benchmarks tell."""
    fill(3, at=now())
    few = {model: queries(admin, listed(model)) for model in OURS}
    fill(27, at=now(), start=3)
    many = {model: queries(admin, listed(model)) for model in OURS}
    assert many == few
    assert max(many.values()) <= 16


def test_every_page_of_a_row_opens(admin: Client, house: None) -> None:
    for model in OURS:
        row = model._default_manager.order_by("-pk").first()
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        answer = admin.get(reverse(name, args=[row.pk]))
        assert answer.status_code == 200, (model, answer.headers)


def test_every_list_is_searched_and_filtered_and_says_when_nothing_fits(admin: Client) -> None:
    for model in OURS:
        page = LISTS[model]
        assert page.search_fields or model is Seal, model
        assert page.list_filter, model
        found = admin.get(listed(model), {"q": "nothing is called so"}).content.decode()
        assert "Clear search and filters" in found, model
        assert "Create a new item" not in found


def test_every_list_is_in_the_menu_once() -> None:
    links = [str(item["link"]) for group in settings.UNFOLD["SIDEBAR"]["navigation"]
             for item in group["items"]]  # fmt: skip
    assert sorted(links) == sorted(set(links))
    assert {listed(model) for model in PAGES} <= set(links)
