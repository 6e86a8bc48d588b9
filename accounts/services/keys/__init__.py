"""API keys: issued, changed, rotated, revoked, and checked wherever one is sent."""

from __future__ import annotations

from accounts.services.keys.checking import Credential, Verdict, authenticate, verify
from accounts.services.keys.lifecycle import (
    KeyChanges,
    confirm_key,
    confirm_keys_of,
    disable_key,
    enable_key,
    issue_key,
    revoke_key,
    revoke_keys,
    set_expiry,
    update_key,
)
from accounts.services.keys.rotation import MOST_OVERLAP, USUAL_OVERLAP, end_overlaps, rotate_key
from accounts.services.keys.staff import (
    grant_platform_verify,
    hold_key,
    release_key,
    withdraw_platform_verify,
)

__all__ = [
    "MOST_OVERLAP",
    "USUAL_OVERLAP",
    "Credential",
    "KeyChanges",
    "Verdict",
    "authenticate",
    "confirm_key",
    "confirm_keys_of",
    "disable_key",
    "enable_key",
    "end_overlaps",
    "grant_platform_verify",
    "hold_key",
    "issue_key",
    "release_key",
    "revoke_key",
    "revoke_keys",
    "rotate_key",
    "set_expiry",
    "update_key",
    "verify",
    "withdraw_platform_verify",
]
