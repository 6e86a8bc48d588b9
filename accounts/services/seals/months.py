"""Months of the trail: made ahead of time, let go after theirs; one in use is left for tomorrow."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

logger = structlog.get_logger(__name__)


def prepare_months() -> None:
    _keep("prepare_partitions")


def retire_months() -> None:
    _keep("retire_partitions", settings.AUDIT_KEEP_MONTHS)


def _keep(function: str, *given: int) -> None:
    """Call a function of the trail; what a dump or an export held back is an error in the log."""
    places = ", ".join(["%s"] * len(given))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT audit.{function}({places})", given)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        logger.error("audit.months_in_use", function=function)
