"""API keys from their issue to their end. Every change is known to the cache once committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

import structlog
from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import ApiKey, Membership, Organization, User
from accounts.rules import tiers
from accounts.rules.keys import make_key
from accounts.rules.refusals import (
    AddressNotConfirmed,
    KeyIsHeld,
    KeyIsRevoked,
    ScopesNotYours,
    TierTooHigh,
)
from accounts.rules.scopes import GRANTABLE, held_by
from accounts.services import audit
from accounts.services.keys.checking import Credential
from accounts.services.keys.hashing import hashes_of
from accounts.services.keys.publishing import publish_after_commit
from accounts.services.organizations import lock_open
from config.kit import context
from config.kit.errors import InvalidInput

logger = structlog.get_logger(__name__)
Issuer = User | Credential | None
"""A person, a program with a key of its own, or None: the house itself, for a customer."""


class KeyChanges(TypedDict, total=False):
    """What the owner may change of a key; what is left out stays."""

    name: str
    description: str
    scopes: Sequence[str]
    tier: str
    allowed_cidrs: Sequence[str]
    expires_at: datetime | None
    external_id: str
    metadata: Mapping[str, Any]


@transaction.atomic
def issue_key(
    organization: Organization,
    *,
    name: str,
    scopes: Sequence[str] = (),
    by: Issuer,
    tier: str | None = None,
    environment: str = "live",
    expires_at: datetime | None = None,
    is_trial: bool = False,
    **facts: Any,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which nobody can read again.

    `facts` are description, allowed_cidrs (as rules.addresses.read_network writes them),
    external_id and metadata. The tier is the organization's when none is asked for; only the key
    of a trial may have a higher one.

    A key is pending until somebody vouches for it when its maker has no confirmed e-mail address
    (confirming the address activates it) or is no member (staff make it for a customer, whose
    administrator then confirms it).
    """
    at = now()
    organization = lock_open(organization.pk)  # its tier as it is now
    tier = tier or organization.subscription_tier
    require_scopes(scopes, organization, by)
    if not is_trial:
        _require_tier(tier, organization)
    _require_future(expires_at, at)
    new, key = write_key(
        organization,
        name=name,
        scopes=sorted(set(scopes)),
        tier=tier,
        environment=environment,
        expires_at=expires_at,
        created_by=by if isinstance(by, User) else None,
        status=_first_status(organization, by),
        **facts,
    )
    audit.record("api_key.issued", key, scopes=key.scopes, environment=environment)
    return announce(key, "issued"), new


def write_key(organization: Organization, *, environment: str, **facts: Any) -> tuple[str, ApiKey]:
    """Store a new random key; return its text and the row."""
    new = make_key(environment)
    version, digest = hashes_of(new.text)[0]
    key = ApiKey.objects.create(
        organization=organization,
        environment=environment,
        key_hash=digest,
        pepper_version=version,
        public_id=new.public_id,
        last4=new.last4,
        **facts,
    )
    key.refresh_from_db(fields=["created_at", "version"])
    return new.text, key


@transaction.atomic
def update_key(key: ApiKey, changes: KeyChanges, *, by: Issuer) -> ApiKey:
    """Change what the owner may change. Scopes that are added must be the changer's own."""
    key = living(key)
    if "scopes" in changes:
        added = set(changes["scopes"]) - set(key.scopes)
        require_scopes(sorted(added), key.organization, by)
        changes = {**changes, "scopes": sorted(set(changes["scopes"]))}
    if "tier" in changes and changes["tier"] != key.tier:
        _require_tier(changes["tier"], key.organization)
    if "expires_at" in changes and changes["expires_at"] != key.expires_at:
        _require_future(changes["expires_at"], now())
    different = [name for name, value in changes.items() if getattr(key, name) != value]
    for name in different:
        setattr(key, name, changes[name])  # type: ignore[literal-required]
    if not different:
        return key
    key.save(update_fields=different)
    return announce(key, "updated")


@transaction.atomic
def set_expiry(key: ApiKey, expires_at: datetime | None) -> ApiKey:
    """Let a key end at a moment, also one that is past: then it has ended."""
    key = living(key)
    if expires_at == key.expires_at:
        return key
    if expires_at is not None and expires_at <= key.created_at:
        raise InvalidInput("A key cannot end before it was made.")
    key.expires_at = expires_at
    key.save(update_fields=["expires_at"])
    return announce(key, "updated")


@transaction.atomic
def confirm_key(key: ApiKey, *, by: User) -> ApiKey:
    """Vouch for a pending key: it works from now on.

    Whoever vouches must be known by a confirmed e-mail address. The edge has asked for the role.
    """
    if not _is_confirmed(by):
        raise AddressNotConfirmed
    return _confirm(key)


def _confirm(key: ApiKey) -> ApiKey:
    key = living(key)
    if key.status != ApiKey.Status.PENDING_VERIFICATION:
        return key
    key.status = ApiKey.Status.ACTIVE
    key.save(update_fields=["status"])
    audit.record("api_key.confirmed", key)
    return announce(key, "confirmed")


@transaction.atomic
def confirm_keys_of(user: User) -> int:
    """Activate what the person made before their e-mail address was confirmed; return how many.

    Nobody may be signed in yet: each organization of theirs is opened in turn.
    """
    with context.acting(user_id=user.pk):
        homes = list(Membership.objects.filter(user=user).values_list("organization_id", flat=True))
    done = 0
    for organization_id in homes:
        with context.acting(organization_id=organization_id):
            mine = ApiKey.objects.for_organization(organization_id).pending()
            for key in mine.filter(created_by=user).order_by("pk"):
                _confirm(key)
                done += 1
    return done


@transaction.atomic
def disable_key(key: ApiKey) -> ApiKey:
    """Switch a key off; it can be switched on again."""
    return _switch(key, on=False)


@transaction.atomic
def enable_key(key: ApiKey) -> ApiKey:
    """Switch a key on; raises `KeyIsHeld` when staff switched it off."""
    return _switch(key, on=True)


@transaction.atomic
def revoke_key(key: ApiKey, *, reason: str = "") -> ApiKey:
    """End a key for good, at once. Repeating it changes nothing."""
    key = _locked(key)
    if key.is_revoked:
        return key
    key.status, key.revoked_at, key.revoked_reason = ApiKey.Status.REVOKED, now(), reason[:200]
    key.save(update_fields=["status", "revoked_at", "revoked_reason"])
    audit.record("api_key.revoked", key)
    logger.info("api_key.revoked", key_id=str(key.pk))
    return announce(key, "revoked")


@transaction.atomic
def revoke_keys(keys: Iterable[ApiKey], *, reason: str = "") -> int:
    """Revoke several, all or none; return how many were not revoked before."""
    ordered = sorted((key for key in keys if not key.is_revoked), key=lambda key: key.pk)
    for key in ordered:
        revoke_key(key, reason=reason)
    return len(ordered)


def _switch(key: ApiKey, *, on: bool) -> ApiKey:
    key = living(key)
    if key.is_active == on:
        return key
    if key.held_reason:
        raise KeyIsHeld(key.held_reason)
    key.is_active = on
    key.save(update_fields=["is_active"])
    return announce(key, "enabled" if on else "disabled")


def _locked(key: ApiKey) -> ApiKey:
    rows = ApiKey.objects.select_for_update(of=("self",)).select_related("organization")
    found: ApiKey = rows.get(pk=key.pk)
    return found


def living(key: ApiKey) -> ApiKey:
    """Lock a key and read it anew; raises `KeyIsRevoked`."""
    key = _locked(key)
    if key.is_revoked:
        raise KeyIsRevoked
    return key


def announce(key: ApiKey, change: str) -> ApiKey:
    """Tell the caches and everybody else of a change, once it is committed."""
    publish_after_commit(key.pk)
    events.api_key_changed.send(ApiKey, key=key, change=change)
    return key


def _held(organization: Organization, by: Issuer) -> frozenset[str]:
    """Return the scopes that `by` may hand on in this organization."""
    if by is None or (isinstance(by, User) and by.is_staff):
        return GRANTABLE
    if isinstance(by, Credential):
        return GRANTABLE & set(by.scopes)
    membership = Membership.objects.filter(organization=organization, user=by).first()
    return held_by(membership.allows("manage_keys")) if membership else frozenset()


def require_scopes(scopes: Sequence[str], organization: Organization, by: Issuer) -> None:
    """Raise `ScopesNotYours` unless `by` may hand on all of `scopes`."""
    refused = sorted(set(scopes) - _held(organization, by))
    if refused:
        raise ScopesNotYours(refused)


def _require_tier(tier: str, organization: Organization) -> None:
    if tiers.rank(tier) > tiers.rank(organization.subscription_tier):
        raise TierTooHigh(tiers.up_to(organization.subscription_tier))


def _require_future(expires_at: datetime | None, at: datetime) -> None:
    if expires_at is not None and expires_at <= at:
        raise InvalidInput(
            errors=[{"pointer": "/expires_at", "code": "past", "detail": "Choose a time to come."}]
        )


def _first_status(organization: Organization, by: Issuer) -> ApiKey.Status:
    if not isinstance(by, User):
        return ApiKey.Status.ACTIVE
    is_member = Membership.objects.filter(organization=organization, user=by).exists()
    vouched = is_member and _is_confirmed(by)
    return ApiKey.Status.ACTIVE if vouched else ApiKey.Status.PENDING_VERIFICATION


def _is_confirmed(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, verified=True).exists())
