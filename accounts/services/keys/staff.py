"""What only staff do with a customer's API key."""

from __future__ import annotations

from django.db import transaction

from accounts.models import ApiKey
from accounts.rules.scopes import VERIFY_ANY
from accounts.services import audit
from accounts.services.keys.lifecycle import announce, living


@transaction.atomic
def hold_key(key: ApiKey, *, reason: str) -> ApiKey:
    """Switch a key off until staff release it; its organization reads the reason."""
    key = living(key)
    key.is_active, key.held_reason = False, reason[:200]
    key.save(update_fields=["is_active", "held_reason"])
    audit.record("api_key.held", key, reason=key.held_reason)
    return announce(key, "disabled")


@transaction.atomic
def release_key(key: ApiKey, *, reason: str) -> ApiKey:
    """Switch a key on again, whoever switched it off."""
    key = living(key)
    if key.is_active:
        return key
    key.is_active, key.held_reason = True, ""
    key.save(update_fields=["is_active", "held_reason"])
    audit.record("api_key.released", key, reason=reason[:200])
    return announce(key, "enabled")


@transaction.atomic
def grant_platform_verify(key: ApiKey) -> ApiKey:
    """Let a key verify the keys of every organization: for the operator's own gateway."""
    key = living(key)
    if VERIFY_ANY in key.scopes:
        return key
    key.scopes = sorted({*key.scopes, VERIFY_ANY})
    key.save(update_fields=["scopes"])
    audit.record("api_key.platform_verify_granted", key)
    return announce(key, "updated")


@transaction.atomic
def withdraw_platform_verify(key: ApiKey) -> ApiKey:
    key = living(key)
    if VERIFY_ANY not in key.scopes:
        return key
    key.scopes = [scope for scope in key.scopes if scope != VERIFY_ANY]
    key.save(update_fields=["scopes"])
    audit.record("api_key.platform_verify_withdrawn", key)
    return announce(key, "updated")
