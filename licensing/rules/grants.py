"""What a product may grant here: a license of so many devices, and a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.kit.errors import InvalidInput
from licensing.rules.trials import MOST_DAYS, TrialNotOffered, TrialTier, offer_of

MOST_DEVICES = 1_000_000
"""For each of the quantity bought."""
LONGEST_PLAN = 80


def require_license(grants: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` unless a license of these grants can be made."""
    devices, plan = grants.get("max_devices", 1), grants.get("plan", "")
    if type(devices) is not int or not 1 <= devices <= MOST_DEVICES:
        raise _invalid(f"max_devices is a whole number from 1 to {MOST_DEVICES:,}.")
    if not isinstance(plan, str) or len(plan) > LONGEST_PLAN:
        raise _invalid(f"plan is a name of at most {LONGEST_PLAN} characters.")


def require_trial(grants: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` for an offer of a trial that nobody could read."""
    if grants.get("trial") in (None, False):
        return
    try:
        offer_of(grants, MOST_DAYS)
    except TrialNotOffered as error:
        tiers = ", ".join(TrialTier)
        raise _invalid(
            f'trial is an object with "days", a whole number from 1 to {MOST_DAYS}, and "tiers", '
            f"a list of some of {tiers}; both may be left out."
        ) from error


def _invalid(detail: str) -> InvalidInput:
    return InvalidInput(errors=[{"pointer": "/grants", "code": "invalid", "detail": detail}])
