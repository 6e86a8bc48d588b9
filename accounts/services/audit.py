"""Business events for the audit trail; row changes are recorded by the database itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, models, transaction

from accounts.models import UserActivity
from config.kit import context

_EVENT = "SELECT audit.event(%s, %s, %s, %s, %s::jsonb)"
_EVENT_OF_A_PERSON = f"{_EVENT}, note_user_activity(%s, %s, %s::jsonb)"


def record(
    action: str, subject: models.Model, *, organization_id: UUID | None = None, **facts: Any
) -> None:
    """Record something that is no row change: a login, a key shown, a file downloaded.

    `facts` must hold no secret and no personal value: the trail is never edited. What a person
    does themselves, nobody looking as them, is their activity too (`UserActivity`).
    """
    here = context.current()
    owner = organization_id or getattr(subject, "organization_id", None)
    if owner is None and here is not None:
        owner = here.organization_id
    told = orjson.dumps(facts).decode()
    values = [action, subject._meta.db_table, str(subject.pk), owner, told]
    statement = _EVENT
    if here is not None and here.actor_kind == "user" and here.actor_id and here.acts_themselves:
        statement = _EVENT_OF_A_PERSON
        values += [here.actor_id, action, told]
    # The transaction tells the database who acts, also where none is open yet.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def forget_old_activity(*, before: datetime) -> int:
    """Delete what people did before a moment from their activity; the trail keeps it."""
    deleted, _ = UserActivity.objects.filter(created_at__lt=before).delete()
    return deleted
