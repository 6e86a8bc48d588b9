"""Times noted in Redis reach the database in batches: at most one write a row and minute."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import structlog
from django.db import connection, transaction

from config.kit.scripts import CacheAway
from licensing.gateways import cache
from licensing.models import DeviceLink

logger = structlog.get_logger(__name__)
BATCH = 5000

# A time never moves backwards, whoever writes late; rows are locked in one order.
_WRITE = """
UPDATE {table} SET {column} = found.at
  FROM (SELECT target.id, source.at
          FROM unnest(%s::uuid[], %s::timestamptz[]) AS source (id, at)
          JOIN {table} target USING (id)
         WHERE target.{column} IS NULL OR target.{column} < source.at
         ORDER BY target.id FOR UPDATE OF target) found
 WHERE {table}.id = found.id
"""
_TARGETS = {
    cache.SEEN: _WRITE.format(table="licensing_devicelink", column="last_seen_at"),
    cache.VALIDATED: _WRITE.format(table="licensing_license", column="last_validated_at"),
}


def note_sighting(link: DeviceLink, *, at: datetime) -> None:
    """Note when a device was last seen, for sightings that come from elsewhere than a heartbeat."""
    cache.note_time(cache.SEEN, link.pk, at=at.timestamp())


def flush_sightings(*, at: datetime) -> int:
    """Write when devices were last seen and licenses last validated; return how many were due.

    Nothing is forgotten before it is written: a flush that dies is repeated by the next one.
    """
    try:
        return sum(_flush(name, statement, at) for name, statement in _TARGETS.items())
    except CacheAway:
        return 0


def _flush(name: str, statement: str, at: datetime) -> int:
    done = 0
    while due := cache.due_touches(name, now=at.timestamp(), most=BATCH):
        _write(statement, due)
        cache.confirm_touches(name, due, now=at.timestamp())
        done += len(due)
        if len(due) < BATCH:
            break
    if done:
        logger.info("sightings.flushed", kind=name, count=done)
    return done


@transaction.atomic
def _write(statement: str, due: dict[UUID, float]) -> None:
    times = [datetime.fromtimestamp(moment, UTC) for moment in due.values()]
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(due), times])
