"""Rolling a key: a new one takes its place, and for a while both work."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import ApiKey, User
from accounts.rules.refusals import KeyHasExpired, KeyIsHeld, KeyIsRevoked, KeyWasRotated
from accounts.rules.scopes import VERIFY_ANY
from accounts.services import audit
from accounts.services.keys.lifecycle import Issuer, require_scopes, revoke_key, write_key
from accounts.services.keys.publishing import publish_after_commit
from accounts.services.organizations import lock_open
from config.kit.errors import InvalidInput

logger = structlog.get_logger(__name__)
USUAL_OVERLAP = timedelta(hours=24)
MOST_OVERLAP = timedelta(days=7)


@transaction.atomic
def rotate_key(
    key: ApiKey, *, by: Issuer, overlap: timedelta = USUAL_OVERLAP
) -> tuple[ApiKey, str]:
    """Return a new key with its text; the old one works until the overlap ends, at most 7 days.

    The new key has everything of the old one except `platform:verify`, which staff grant anew.
    Whoever rotates gets its text, so a program may rotate only what has no more scopes than its
    own key. Raises `ScopesNotYours`, `KeyIsRevoked`, `KeyIsHeld`, `KeyWasRotated` and
    `KeyHasExpired`.
    """
    if not timedelta(0) <= overlap <= MOST_OVERLAP:
        raise InvalidInput(
            errors=[
                {"pointer": "/overlap_hours", "code": "out_of_range", "detail": "0 to 168 hours."}
            ]
        )
    at = now()
    lock_open(key.organization_id)
    rows = ApiKey.objects.select_for_update(of=("self",)).select_related("organization")
    key = rows.get(pk=key.pk)
    if key.is_revoked:
        raise KeyIsRevoked
    if key.held_reason:
        raise KeyIsHeld(key.held_reason)
    if key.rotated_to_id is not None:
        raise KeyWasRotated
    if key.expires_at is not None and key.expires_at <= at:
        raise KeyHasExpired
    scopes = [scope for scope in key.scopes if scope != VERIFY_ANY]
    require_scopes(scopes, key.organization, by)
    text, successor = write_key(
        key.organization,
        environment=key.environment,
        name=key.name,
        description=key.description,
        scopes=scopes,
        tier=key.tier,
        status=key.status,
        is_active=key.is_active,
        allowed_cidrs=key.allowed_cidrs,
        expires_at=key.expires_at,
        external_id=key.external_id,
        metadata=key.metadata,
        created_by=by if isinstance(by, User) else None,
    )
    key.rotated_to, key.overlap_ends_at = successor, at + overlap
    key.save(update_fields=["rotated_to", "overlap_ends_at"])
    publish_after_commit(key.pk, successor.pk)
    audit.record("api_key.rotated", key, successor=str(successor.pk), until=key.overlap_ends_at)
    events.api_key_changed.send(ApiKey, key=key, change="rotated")
    events.api_key_changed.send(ApiKey, key=successor, change="issued")
    return successor, text


def end_overlaps(*, at: datetime) -> int:
    """Revoke keys whose overlap is over: checks refuse them to the second already."""
    done = 0
    for key in ApiKey.objects.replaced(at).order_by("pk")[:500]:
        try:
            revoke_key(key, reason="Replaced by another key")
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            # The boundary: a key that meets a bug must not keep the others alive.
            logger.exception("api_key.not_revoked", key_id=str(key.pk))
        else:
            done += 1
    return done
