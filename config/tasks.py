"""Scheduled work of the roof: backups and their proof."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task
from django.conf import settings
from django.utils.timezone import now

from config.operations import signs  # noqa: F401  a worker tells of itself through it
from config.operations.backups import archive, proving, taking

logger = structlog.get_logger(__name__)
# Copying a large database takes longer than any other task may.
_LIMITS: dict[str, Any] = {
    "time_limit": settings.BACKUP_TIME_LIMIT,
    "soft_time_limit": settings.BACKUP_TIME_LIMIT - 60,
    # Beside a run that goes on, a second one refuses; after a killed one the next night is soon.
    "acks_late": False,
}


@shared_task(name="operations.back_up", **_LIMITS)
def back_up() -> None:
    """Take the nightly backup and remove what the rule does not keep."""
    try:
        taking.take_backup(at=now())
    except taking.AlreadyRunning as error:
        logger.warning("backup.skipped", why=str(error))
        return
    archive.prune()


@shared_task(name="operations.prove_backup", **_LIMITS)
def prove_backup() -> None:
    """Restore the newest backup into a scratch database and compare."""
    try:
        proving.verify_backup(archive.find("newest"), at=now())
    except taking.AlreadyRunning as error:
        logger.warning("backup.proof_skipped", why=str(error))
