"""Celery glue: tasks start after commit, carry who caused them, and wait once in their queue."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

import structlog
from celery import Task
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis import RedisError

from config.kit import context
from config.kit.redis import connect_to_broker

logger = structlog.get_logger(__name__)
_open: dict[str, AbstractContextManager[Any]] = {}


def after_commit(task: Any, *args: Any) -> None:
    """Nudge `task` once the transaction has committed.

    The row that the transaction wrote is the promise; a lost nudge (broker down, process killed
    here) is made good by the task's sweeper, so a broker that is away never fails a request.
    """
    transaction.on_commit(lambda: _nudge(task, args))


def _nudge(task: Task[Any, Any], args: tuple[Any, ...]) -> None:
    try:
        task.apply_async(args=tuple(str(argument) for argument in args), retry=False)
    except OperationalError:
        logger.warning("task.nudge_lost", task=task.name)


def nudge_again(task: Task[Any, Any], keys: Iterable[Any]) -> None:
    """Nudge `task` for each row that still waits and for which no message is under way.

    What a sweeper finds may only be slow: without the mark that each message leaves until a worker
    takes it, every sweep would add all of it to the queue once more, and a queue that is behind
    would never catch up. After `NUDGE_PATIENCE` a message counts as lost.

    Raises `RedisError` or kombu's `OperationalError` while the broker is away.
    """
    marks = {str(key): f"nudge:{task.name}:{key}" for key in keys}
    broker = connect_to_broker()
    with broker.pipeline(transaction=False) as pipeline:
        for mark in marks.values():
            pipeline.set(mark, 1, nx=True, ex=settings.NUDGE_PATIENCE)
        are_new = pipeline.execute()
    for (key, mark), is_new in zip(marks.items(), are_new, strict=True):
        if is_new:
            task.apply_async(args=(key,), headers={"nudge_mark": mark}, retry=False)


@before_task_publish.connect
def _remember_cause(headers: dict[str, Any] | None = None, **_: Any) -> None:
    here = context.current()
    if headers is not None and here is not None:
        headers["switchyard"] = {
            "actor_kind": here.actor_kind,
            "actor_id": here.actor_id,
            "ip": here.ip,
            "user_agent": here.user_agent,
            "request_id": here.request_id,
            "impersonator_id": here.impersonator_id,
        }


@task_prerun.connect
def _enter_context(task_id: str, task: Any, **_: Any) -> None:
    cause = getattr(task.request, "switchyard", None) or {"actor_kind": "worker"}
    manager = context.use(context.Context(**{"request_id": task_id, **cause}))
    manager.__enter__()
    _open[task_id] = manager


@task_prerun.connect
def _take_mark(task: Any, **_: Any) -> None:
    """Let the row be nudged again from now on: a task that must wait for its turn just returns."""
    mark = getattr(task.request, "nudge_mark", None)
    if mark is not None:
        with suppress(RedisError):  # it ends by itself
            connect_to_broker().delete(mark)


@task_postrun.connect
def _leave_context(task_id: str, **_: Any) -> None:
    manager = _open.pop(task_id, None)
    if manager is not None:
        manager.__exit__(None, None, None)
