"""Telling the caches that a license changed, and telling them again when that got lost.

The row is the promise: a license whose `published_version` is behind its `version` has changes
that the caches may not know. The transaction's end publishes at once; a sweeper makes good what
a dead process or a missing Redis left undone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import structlog
from django.db import transaction

from config.kit.scripts import CacheAway
from licensing.gateways import cache
from licensing.models import License

logger = structlog.get_logger(__name__)
BATCH = 500


def publish_after_commit(license_id: UUID, *, also: Callable[[], None] | None = None) -> None:
    """Publish the license once its change has committed; `also` runs with it, Redis permitting."""
    transaction.on_commit(partial(publish, license_id, also=also), robust=True)


def publish(license_id: UUID, *, also: Callable[[], None] | None = None) -> bool:
    """Raise the caches' floor to the license's version; False when Redis is away.

    Only then is the version marked as published, and only that one: a change that commits
    meanwhile has a higher version and publishes itself.
    """
    license = License.objects.only("id", "key_hash", "version").get(pk=license_id)
    try:
        cache.raise_floor(license.pk, license.key_hash, license.version)
        if also is not None:
            also()
    except CacheAway:
        logger.warning("license.publication_postponed", license_id=str(license_id))
        return False
    License.objects.filter(pk=license.pk, published_version__lt=license.version).update(
        published_version=license.version
    )
    return True


def sweep_publications() -> int:
    """Publish what waits; return how many. Stops at the first failure: Redis is away."""
    done = 0
    for license_id in License.objects.unpublished().values_list("pk", flat=True)[:BATCH]:
        if not publish(license_id):
            break
        done += 1
    return done
