"""ADM-6: anybody reads the public settings, and nothing else."""

from __future__ import annotations

from django.conf import settings
from django.test import Client

from accounts.services.live import forget


def test_public_settings_leave_and_no_others(nobody: Client) -> None:
    answer = nobody.get("/api/v1/settings/public")
    assert answer.status_code == 200
    public = {name.lower() for name, each in settings.LIVE.items() if each.is_public}
    assert set(answer.json()) == public
    assert "alert_webhook_url" not in answer.json()
    assert answer.json()["trial_days"] == 14


def test_they_cost_one_query_and_then_none(
    nobody: Client, django_assert_num_queries: object
) -> None:
    forget()
    around = 4  # the role, the savepoint and their ends
    with django_assert_num_queries(around + 1):  # type: ignore[operator]
        nobody.get("/api/v1/settings/public")
    with django_assert_num_queries(around):  # type: ignore[operator]
        nobody.get("/api/v1/settings/public")
