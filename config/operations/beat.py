"""Celery's scheduler, which also says that it turns and how late it was with each entry."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery.beat import PersistentScheduler
from redis import RedisError

from config.operations import liveness

logger = structlog.get_logger(__name__)
_EVERY = 2.0


class WatchedScheduler(PersistentScheduler):
    """The schedule file stays Celery's own; only what is told about it is ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._told_at = 0.0
        self._lag = 0.0
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        wait = super().tick(*args, **kwargs)
        if time.monotonic() - self._told_at >= _EVERY:
            self._told_at = time.monotonic()
            self._tell(lambda: liveness.beat_is_alive(self._lag))
            self._lag = 0.0
        return wait

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        lag = max(0.0, -entry.schedule.remaining_estimate(entry.last_run_at).total_seconds())
        super().apply_entry(entry, producer=producer)
        self._lag = max(self._lag, lag)
        self._tell(lambda: liveness.sent(entry.name, lag))

    def _tell(self, say: Any) -> None:
        try:
            say()
        except RedisError as error:
            logger.debug("beat.sign_lost", error=str(error))
