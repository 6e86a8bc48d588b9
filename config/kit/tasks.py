"""Celery glue: tasks start after commit and carry who caused them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import structlog
from celery import Task
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.db import transaction
from kombu.exceptions import OperationalError

from config.kit import context

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


@task_postrun.connect
def _leave_context(task_id: str, **_: Any) -> None:
    manager = _open.pop(task_id, None)
    if manager is not None:
        manager.__exit__(None, None, None)
