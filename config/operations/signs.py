"""What Celery's processes tell of themselves: workers that live, tasks that end, tasks that fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from celery.signals import (
    heartbeat_sent,
    task_failure,
    task_postrun,
    task_prerun,
    worker_ready,
    worker_shutdown,
)
from celery.worker.state import active_requests
from redis import RedisError

from config.operations import failures, liveness

logger = structlog.get_logger(__name__)
_began: dict[str, float] = {}
_queues: list[str] = []


def _tell(say: Callable[[], object]) -> None:
    """A sign that Redis cannot take is lost; the task it speaks of must not fail for it."""
    try:
        say()
    except RedisError as error:
        logger.debug("sign.lost", error=str(error))


@worker_ready.connect
def _learn_queues(sender: Any, **_: Any) -> None:
    _queues[:] = sorted(queue.name for queue in sender.task_consumer.queues)


@heartbeat_sent.connect
def _live(sender: Any, **_: Any) -> None:
    name = sender.eventer.hostname
    _tell(lambda: liveness.worker_is_alive(name, _queues, len(active_requests)))


@worker_shutdown.connect
def _leave(sender: Any, **_: Any) -> None:
    _tell(lambda: liveness.worker_left(sender.hostname))


@task_prerun.connect
def _begin(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


@task_postrun.connect
def _end(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    seconds = time.monotonic() - _began.pop(task_id, time.monotonic())
    _tell(lambda: liveness.task_ended(task.name, (state or "").lower(), seconds))


@task_failure.connect
def _fail(
    sender: Any,
    task_id: str,
    exception: BaseException,
    args: Any,
    kwargs: Any,
    einfo: Any,
    **_: Any,
) -> None:
    _tell(
        lambda: failures.note(
            id=task_id,
            task=sender.name,
            args=args,
            kwargs=kwargs,
            error=exception,
            trace=getattr(einfo, "traceback", "") or "",
        )
    )
