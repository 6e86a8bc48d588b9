"""Who is acting and for which organization: carried by the thread, told to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson


@dataclass(slots=True)
class Context:
    """The facts that row-level security and the audit trail need of one request or task.

    `actor_kind` is one of user, anonymous, device, api_key, stripe, worker, operator, migration.
    `impersonator_id` is the member of staff who looks at the site as `actor_id`; what staff do in
    the back office names them as both.
    `organization_id` opens the tenant wall for the app role; `user_id` lets a person see their
    own memberships before an organization is chosen. `locale` says how pages write dates and
    numbers.
    """

    actor_kind: str = "anonymous"
    actor_id: str | None = None
    organization_id: UUID | None = None
    user_id: UUID | None = None
    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""
    locale: str = "en"
    impersonator_id: str | None = None

    @property
    def opens_a_tenant(self) -> bool:
        return self.organization_id is not None or self.user_id is not None

    @property
    def acts_themselves(self) -> bool:
        return self.impersonator_id in (None, self.actor_id)

    def settings(self) -> tuple[str, str, str]:
        """Return the values of app.current_org_id, app.current_user_id and audit.ctx."""
        trail: dict[str, Any] = {
            "actor_id": self.actor_id,
            "actor_kind": self.actor_kind,
            "ip": self.ip,
            "ua": self.user_agent[:400],
            "request_id": self.request_id,
        }
        if self.impersonator_id is not None:
            trail["impersonator_id"] = self.impersonator_id
        return (
            str(self.organization_id or ""),
            str(self.user_id or ""),
            "" if self is NOBODY else orjson.dumps(trail).decode(),
        )


NOBODY = Context()
"""What a transaction is told when a context has ended before the transaction did."""


_current: ContextVar[Context | None] = ContextVar("switchyard_context", default=None)


def current() -> Context | None:
    return _current.get()


class use:  # noqa: N801  read as a verb; a generator would cost hot paths three times as much
    """Make `context` the current one for the block; the former returns afterwards."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> Context:
        self._token = _current.set(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


@contextmanager
def acting(**changes: Any) -> Iterator[Context]:
    """Run the block as the current context with `changes`, for example another organization."""
    with use(replace(_current.get() or Context(actor_kind="worker"), **changes)) as context:
        yield context
