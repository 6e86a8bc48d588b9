"""Trials: who may have one, how long it lasts, what may become of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from config.kit.errors import Conflict, InvalidInput

MOST_DAYS = 90
MOST_KEYS = 5
KEPT_AFTER_END = timedelta(days=30)
"""How long an expired trial can still be turned into a paid plan with its keys and devices."""
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])")
# Where strangers share a domain, one customer's trial says nothing about the next.
PUBLIC_MAIL = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "yahoo.com",
        "yahoo.de",
        "icloud.com",
        "me.com",
        "mac.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "gmx.com",
        "web.de",
        "t-online.de",
        "freenet.de",
        "proton.me",
        "protonmail.com",
        "tutanota.com",
        "mail.com",
        "mail.ru",
        "yandex.ru",
        "yandex.com",
        "qq.com",
        "163.com",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "laposte.net",
        "libero.it",
        "seznam.cz",
        "wp.pl",
        "zoho.com",
        "fastmail.com",
    ]
)


class TrialStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    CONVERTED = "converted"
    CANCELLED = "cancelled"


class TrialTier(StrEnum):
    STANDARD = "standard"
    ENTERPRISE = "enterprise"


TRANSITIONS: dict[TrialStatus, frozenset[TrialStatus]] = {
    TrialStatus.ACTIVE: frozenset(
        {TrialStatus.EXPIRED, TrialStatus.CONVERTED, TrialStatus.CANCELLED}
    ),
    # Who pays a day late keeps what they had; staff may give more time.
    TrialStatus.EXPIRED: frozenset({TrialStatus.ACTIVE, TrialStatus.CONVERTED}),
    TrialStatus.CONVERTED: frozenset(),
    TrialStatus.CANCELLED: frozenset(),
}
# What a key of a trial may do, in the tiers that every API key has.
KEY_TIER = {TrialTier.STANDARD: "pro", TrialTier.ENTERPRISE: "enterprise"}


class TrialNotOffered(Conflict):
    code = "trial_not_offered"
    message = "This product has no trial."


class TrialUsed(Conflict):
    """`trial` names the earlier one when it is the caller's own."""

    code = "trial_already_used"
    message = "There is one trial per organization and product, and it was used."


class SlugTaken(Conflict):
    code = "slug_taken"
    message = "Another workspace has this short name. Choose another one."


class TrialOver(Conflict):
    """`status` says what became of it."""

    code = "trial_over"
    message = "This trial has ended."


class TooManyTrialKeys(Conflict):
    code = "too_many_trial_keys"
    message = f"A trial has at most {MOST_KEYS} keys. Revoke one that is no longer used."


def may_move(former: str, wanted: str) -> bool:
    return TrialStatus(wanted) in TRANSITIONS[TrialStatus(former)]


def offer_of(grants: Mapping[str, Any], usual_days: int) -> tuple[int, frozenset[TrialTier]]:
    """Return the days and tiers of a product's trial; raises `TrialNotOffered` without one.

    A product offers one by `grants["trial"]`: {"days": 14, "tiers": ["standard"]}, both optional.
    An offer that cannot be read is none.
    """
    trial = grants.get("trial")
    if not isinstance(trial, dict):
        raise TrialNotOffered
    days, tiers = trial.get("days", usual_days), trial.get("tiers", ["standard"])
    if type(days) is not int or days < 1:
        raise TrialNotOffered
    if not isinstance(tiers, list) or not tiers or any(tier not in [*TrialTier] for tier in tiers):
        raise TrialNotOffered
    return min(days, MOST_DAYS), frozenset(TrialTier(tier) for tier in tiers)


def require_slug(slug: str) -> str:
    """Return the short name: 3 to 63 small letters, digits and inner dashes."""
    if not _SLUG.fullmatch(slug):
        raise InvalidInput(
            errors=[
                {
                    "pointer": "/slug",
                    "code": "invalid",
                    "detail": "Use 3 to 63 small letters, digits and inner dashes.",
                }
            ]
        )
    return slug


def make_slug(name: str) -> str:
    """Make a short name from a long one, with letters that keep it from being taken."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "trial"
    return f"{stem}-{secrets.token_hex(3)}"


def mail_domain(email: str) -> str:
    """Return the domain that a company's people share; empty where strangers share it."""
    domain = email.rpartition("@")[2].lower()
    return "" if domain in PUBLIC_MAIL else domain


def extended_end(expires_at: datetime, *, days: int, at: datetime) -> datetime:
    """Return the later end: counted from the old one, or from now when that has passed."""
    return max(expires_at, at) + timedelta(days=days)


def may_still_convert(status: str, expires_at: datetime, at: datetime) -> bool:
    if status == TrialStatus.EXPIRED:
        return at < expires_at + KEPT_AFTER_END
    return status == TrialStatus.ACTIVE
