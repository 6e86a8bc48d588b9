"""What an API product may grant: read here before it is on sale, not when it is paid for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.rules.tiers import Tier
from config.kit.errors import InvalidInput


def require_api_plan(grants: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` unless billing.services.api_plans can read these grants."""
    quota = grants.get("monthly_quota")
    if grants.get("tier", Tier.PRO) not in [*Tier]:
        raise _invalid(f"tier is one of {', '.join(Tier)}.")
    if not _is_whole(grants.get("requests_per_minute", 1), least=1):
        raise _invalid("requests_per_minute is a whole number from 1.")
    if quota is not None and not _is_whole(quota, least=0):
        raise _invalid("monthly_quota is a whole number from 0, or null for no limit.")
    if not isinstance(grants.get("product", ""), str):
        raise _invalid("product is the slug of an API.")


def _is_whole(value: Any, *, least: int) -> bool:
    return type(value) is int and least <= value <= 2**31 - 1


def _invalid(detail: str) -> InvalidInput:
    return InvalidInput(errors=[{"pointer": "/grants", "code": "invalid", "detail": detail}])
