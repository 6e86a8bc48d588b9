"""Telling the cache that keys changed, and telling it again when that got lost.

The row is the promise: a key whose `published_version` is behind its `version` has changes that
the cache may not know. The transaction's end publishes at once; a sweeper makes good what a dead
process or a missing Redis left undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from accounts.gateways import key_cache
from accounts.models import ApiKey
from config.kit import context
from config.kit.scripts import CacheAway

logger = structlog.get_logger(__name__)
BATCH = 500
MOST_AT_ONCE = 10_000
"""What is published before a request is answered; the sweeper takes the rest within seconds."""


def publish_after_commit(*key_ids: UUID) -> None:
    """Publish the keys, all of the current organization, once their change has committed."""
    here = context.current()
    organization_id = here.organization_id if here else None
    transaction.on_commit(partial(_publish_keys, organization_id, key_ids), robust=True)


def publish_organization_after_commit(organization_id: UUID) -> None:
    """Publish all keys of an organization whose standing or limits changed."""
    transaction.on_commit(partial(_publish_organization, organization_id), robust=True)


def sweep_publications() -> int:
    """Publish all that waits; return how many. Stops at the first failure: Redis is away."""
    return _publish(ApiKey.objects.unpublished())


def _publish_keys(organization_id: UUID | None, key_ids: Sequence[UUID]) -> None:
    # Whoever opened the organization's rows for the change may have closed them before the commit.
    with context.acting(organization_id=organization_id):
        _publish(ApiKey.objects.filter(pk__in=key_ids))


def _publish_organization(organization_id: UUID) -> None:
    with context.acting(organization_id=organization_id):
        waiting = ApiKey.objects.for_organization(organization_id).unpublished()
        _publish(waiting, most=MOST_AT_ONCE)


def _publish(keys: QuerySet[ApiKey], *, most: int | None = None) -> int:
    """Publish in batches, each with three statements and one of Redis; return how many keys."""
    rows = keys.order_by("pk").values_list("pk", "key_hash", "version")
    batch = list(rows[:BATCH])
    done = 0
    while batch and _publish_batch(batch):
        done += len(batch)
        if len(batch) < BATCH or (most is not None and done >= most):
            break
        batch = list(rows.filter(pk__gt=batch[-1][0])[:BATCH])
    return done


def _publish_batch(batch: Sequence[tuple[UUID, str, int]]) -> bool:
    """Raise the cache's floors to the keys' versions; False when Redis is away.

    Only then are they marked as published, and only if nothing changed meanwhile: a change that
    commits has a higher version and publishes itself.
    """
    try:
        key_cache.raise_floors(batch)
    except CacheAway:
        logger.warning("api_key.publication_postponed", keys=len(batch))
        return False
    _mark_published({key: version for key, _, version in batch})
    return True


@transaction.atomic
def _mark_published(versions: Mapping[UUID, int]) -> None:
    # Locked in one order. A row that somebody changes at this moment is left to that change.
    rows = ApiKey.objects.filter(pk__in=versions).order_by("pk").select_for_update(skip_locked=True)
    same = [key for key, now in rows.values_list("pk", "version") if versions[key] == now]
    ApiKey.objects.filter(pk__in=same).update(published_version=F("version"))
