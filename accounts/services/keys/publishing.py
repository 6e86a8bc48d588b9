"""Telling the cache that keys changed, and telling it again when that got lost.

The row is the promise: a key whose `published_version` is behind its `version` has changes that
the cache may not know. The transaction's end publishes at once; a sweeper makes good what a dead
process or a missing Redis left undone.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

import structlog
from django.db import transaction

from accounts.gateways import key_cache
from accounts.models import ApiKey
from config.kit import context
from config.kit.scripts import CacheAway

logger = structlog.get_logger(__name__)
BATCH = 500


def publish_after_commit(*key_ids: UUID) -> None:
    """Publish the keys, all of the current organization, once their change has committed."""
    here = context.current()
    organization_id = here.organization_id if here else None
    for key_id in key_ids:
        transaction.on_commit(partial(_publish_key, organization_id, key_id), robust=True)


def publish_organization_after_commit(organization_id: UUID) -> None:
    """Publish all keys of an organization whose standing or limits changed."""
    transaction.on_commit(partial(_publish_organization, organization_id), robust=True)


def publish(key_id: UUID) -> bool:
    """Raise the cache's floor to the key's version; False when Redis is away.

    Only then is the version marked as published, and only that one: a change that commits
    meanwhile has a higher version and publishes itself.
    """
    key = ApiKey.objects.only("id", "key_hash", "version").get(pk=key_id)
    try:
        key_cache.raise_floor(key.pk, key.key_hash, key.version)
    except CacheAway:
        logger.warning("api_key.publication_postponed", key_id=str(key_id))
        return False
    ApiKey.objects.filter(pk=key.pk, published_version__lt=key.version).update(
        published_version=key.version
    )
    return True


def sweep_publications() -> int:
    """Publish what waits; return how many. Stops at the first failure: Redis is away."""
    return _publish_all(ApiKey.objects.unpublished().values_list("pk", flat=True)[:BATCH])


def _publish_key(organization_id: UUID | None, key_id: UUID) -> None:
    # Whoever opened the organization's rows for the change may have closed them before the commit.
    with context.acting(organization_id=organization_id):
        publish(key_id)


def _publish_organization(organization_id: UUID) -> None:
    with context.acting(organization_id=organization_id):
        waiting = ApiKey.objects.for_organization(organization_id).unpublished()
        _publish_all(waiting.values_list("pk", flat=True)[:BATCH])


def _publish_all(key_ids: object) -> int:
    done = 0
    for key_id in list(key_ids):  # type: ignore[call-overload]
        if not publish(key_id):
            break
        done += 1
    return done
