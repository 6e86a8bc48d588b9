"""Tasks that failed: the last ones, kept in Redis, for staff to read and to start again.

Not a table: every task is only a nudge, the row that asked for it is the promise and its sweeper
asks again. What stands here is for understanding, and may be lost.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from celery import current_app
from kombu.exceptions import OperationalError

from accounts.models import User
from accounts.services import audit
from config.kit.errors import Conflict, NotFound
from config.kit.redis import connect

KEPT = 200
LIST = "operations:failures"
COUNT = "operations:failures:count"
CLAIMED = 60
"""Seconds in which nobody else starts a failure again; a process that dies holds it no longer."""
_MESSAGE, _TRACE = 400, 4000


@dataclass(frozen=True, slots=True)
class Failure:
    id: str
    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    error: str
    trace: str
    at: str

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)

    @property
    def may_be_retried(self) -> bool:
        return self.task in current_app.tasks


def note(
    *, id: str, task: str, args: Any, kwargs: Any, error: BaseException | None, trace: str
) -> None:
    """Keep one failure at the head of the list; the oldest beyond the limit goes."""
    failure = Failure(
        id=id,
        task=task,
        args=list(args or ()),
        kwargs=dict(kwargs or {}),
        error=f"{type(error).__name__}: {error}"[:_MESSAGE],
        trace=trace[-_TRACE:],
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    pipeline = connect().pipeline(transaction=False)
    pipeline.lpush(LIST, orjson.dumps(asdict(failure), default=str))
    pipeline.ltrim(LIST, 0, KEPT - 1)
    pipeline.incr(COUNT)
    pipeline.execute()


def latest(count: int = KEPT) -> list[Failure]:
    return [Failure(**orjson.loads(entry)) for entry in connect().lrange(LIST, 0, count - 1)]


def count() -> int:
    """Return how many failures are kept and not started again, at most `KEPT`."""
    client: Any = connect()
    return int(client.llen(LIST))


def find(failure_id: str) -> Failure:
    for failure in latest():
        if failure.id == failure_id:
            return failure
    raise NotFound("This failure is not kept any more.")


def retry(failure: Failure, *, by: User) -> None:
    """Start the task again with the same arguments, and take the failure off the list.

    Speaks to the broker, so not within a transaction: the trail has it before the task is sent,
    and the failure stays on the list until it was.
    """
    if not failure.may_be_retried:
        raise Conflict(f"There is no task {failure.task} any more.")
    client: Any = connect()
    claim = f"{LIST}:retried:{failure.id}"
    if not client.set(claim, 1, nx=True, ex=CLAIMED) or not _entries(failure):
        raise Conflict("Somebody has started it again already.")
    try:
        audit.record("task.retried", by, task=failure.task, task_id=failure.id)
        current_app.send_task(failure.task, args=failure.args, kwargs=failure.kwargs, retry=False)
    except OperationalError:
        client.delete(claim)
        raise
    for entry in _entries(failure):
        client.lrem(LIST, 1, entry)


def _entries(failure: Failure) -> list[bytes]:
    """Return the failure as it stands in the list, if it still does."""
    client: Any = connect()
    kept = client.lrange(LIST, 0, KEPT - 1)
    return [entry for entry in kept if orjson.loads(entry)["id"] == failure.id]
