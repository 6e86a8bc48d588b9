"""Celery glue: tasks start after commit, carry who caused them, and wait once in their queue."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

import structlog
from celery import Task, uuid
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis import RedisError

from config.kit import context
from config.kit.redis import connect_to_broker

logger = structlog.get_logger(__name__)
LONG = 500
"""A queue with so many messages is given none by sweepers: what they found waits there already, or
would wait behind it."""

# A message that comes late must not take the mark of the one that was sent since.
_TAKE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])"
_open: dict[str, AbstractContextManager[Any]] = {}


def after_commit(task: Task[Any, Any], key: Any) -> None:
    """Nudge `task` for the row of that key once the transaction has committed.

    The row that the transaction wrote is the promise; a lost nudge (broker down, process killed
    here) is made good by the task's sweeper, so a broker that is away never fails a request.
    """
    transaction.on_commit(lambda: _nudge(task, str(key)))


def _nudge(task: Task[Any, Any], key: str) -> None:
    message = Message(task, key)
    try:
        connect_to_broker().set(message.mark, message.id, ex=settings.NUDGE_PATIENCE)
        message.send()
    except (RedisError, OperationalError):
        logger.warning("task.nudge_lost", task=task.name)


def nudge_again(task: Task[Any, Any], keys: Iterable[Any]) -> None:
    """Nudge `task` for each row that still waits and for which no message is under way.

    What a sweeper finds may only be slow: without the mark that each message leaves until a worker
    takes it, every sweep would add all of it to the queue once more, and a queue that is behind
    would never catch up. A mark lasts `NUDGE_PATIENCE` seconds, then its message counts as lost;
    nothing at all is added to a queue that is `LONG`.

    Raises `RedisError` or kombu's `OperationalError` while the broker is away.
    """
    messages = [Message(task, str(key)) for key in dict.fromkeys(keys)]
    if not messages or _queue_length(task) >= LONG:
        return
    with connect_to_broker().pipeline(transaction=False) as pipeline:
        for message in messages:
            pipeline.set(message.mark, message.id, nx=True, ex=settings.NUDGE_PATIENCE)
        are_first = pipeline.execute()
    for message, is_first in zip(messages, are_first, strict=True):
        if is_first:
            message.send()


class Message:
    """One nudge: of a task, for a row. `mark` is its key in the broker's Redis while it waits."""

    def __init__(self, task: Task[Any, Any], key: str) -> None:
        self.task, self.key, self.id = task, key, uuid()
        self.mark = f"nudge:{task.name}:{key}"

    def send(self) -> None:
        """Publish it; its mark stands already, or a worker could be there before it."""
        self.task.apply_async(
            args=(self.key,), task_id=self.id, headers={"nudge_mark": self.mark}, retry=False
        )


def _queue_length(task: Task[Any, Any]) -> int:
    queue = task.app.amqp.router.route({}, task.name)["queue"].name
    return queue_lengths(queue)[queue]


def queue_lengths(*queues: str) -> dict[str, int]:
    """Return how many tasks wait in each queue; a worker's own few are not among them."""
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    with connect_to_broker().pipeline(transaction=False) as pipeline:
        for queue in queues:
            pipeline.llen(f"{prefix}{queue}")
        return dict(zip(queues, pipeline.execute(), strict=True))


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
def _take_mark(task_id: str, task: Any, **_: Any) -> None:
    """Let the row be nudged again from now on: a task that must wait for its turn just returns."""
    mark = getattr(task.request, "nudge_mark", None)
    if mark is not None:
        with suppress(RedisError):  # it ends by itself
            connect_to_broker().eval(_TAKE, 1, mark, task_id)


@task_postrun.connect
def _leave_context(task_id: str, **_: Any) -> None:
    manager = _open.pop(task_id, None)
    if manager is not None:
        manager.__exit__(None, None, None)
