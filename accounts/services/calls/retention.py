"""Partitions of API calls: made ahead of time, dropped after their retention, watched."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection, transaction

from config.kit.timeseries import engine

logger = structlog.get_logger(__name__)
FEWEST_AHEAD = 3
_KEPT = {"api_calls": "API_CALLS_KEPT_DAYS"}


def keep_series(*, at: datetime) -> None:
    """Look after every series of this database; a row in a default partition is an error."""
    for standing in engine.standings(connection, at):
        series = standing.series
        setting = _KEPT.get(series.name)
        with transaction.atomic():
            engine.prepare(connection, series, at)
        with transaction.atomic():
            keep_days = getattr(settings, setting) if setting else series.keep_days
            dropped = engine.retire(connection, series, at, keep_days)
        if dropped:
            logger.info("series.retired", series=series.name, partitions=dropped)
    for standing in engine.standings(connection, at):
        too_few = standing.ahead is not None and standing.ahead < FEWEST_AHEAD
        if standing.stranded or too_few:
            logger.error(
                "series.needs_partitions",
                series=standing.series.name,
                stranded=standing.stranded,
                ahead=standing.ahead,
            )
