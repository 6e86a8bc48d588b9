"""Figures about people, computed by PostgreSQL (migration 0002)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import User


@dataclass(frozen=True, slots=True)
class UserStats:
    """What `get_user_stats()` says; days and weeks are UTC."""

    total_users: int
    active_users_today: int
    new_users_this_week: int
    total_usage_metrics: int


@dataclass(frozen=True, slots=True)
class ActivitySummary:
    """What `get_user_activity_summary(user)` says."""

    total_actions: int
    actions_this_week: int
    last_activity: datetime | None
    most_common_action: str | None


def user_stats() -> UserStats:
    return UserStats(*_row("SELECT * FROM get_user_stats()"))


def activity_summary(user: User) -> ActivitySummary:
    return ActivitySummary(*_row("SELECT * FROM get_user_activity_summary(%s)", user.pk))


def _row(statement: str, *values: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
