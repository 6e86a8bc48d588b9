"""Browser sessions: one row each with device and last visit, ended one by one or all together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from accounts.models import User
from accounts.services import audit

SEEN_EVERY = timedelta(minutes=5)
"""How often a visit is written down: a session list is exact to this."""
MARK = "seen_at"
"""Where a session remembers, in seconds since 1970, when its last visit was written down."""
BACKOFFICE = "backoffice"
SITE = "site"


def sessions_of(user: User) -> QuerySet[UserSession]:
    """Return the person's live sessions on the customer site and in the back office, latest first."""
    return UserSession.objects.filter(user=user, session_key__in=_alive()).order_by(
        "-last_seen_at", "-pk"
    )


def note_session(session: Any, *, at: datetime) -> None:
    """Write down where a session that has just begun lives; allauth made its row."""
    place = BACKOFFICE if settings.BACKOFFICE else SITE
    UserSession.objects.filter(session_key=session.session_key).update(data={"place": place})
    session[MARK] = int(at.timestamp())


def note_visit(session: Any, *, ip: str | None, user_agent: str, at: datetime) -> bool:
    """Write down a visit, at most every `SEEN_EVERY`; False when the session was ended.

    A copy of an ended session may live on in a cache that was away when it ended: its missing
    row is what tells.
    """
    noted = session.get(MARK)
    if noted is None or at.timestamp() - noted < SEEN_EVERY.total_seconds():
        return True
    facts: dict[str, Any] = {"last_seen_at": at, "user_agent": user_agent[:200]}
    if ip is not None:
        facts["ip"] = ip
    known = UserSession.objects.filter(session_key=session.session_key).update(**facts)
    session[MARK] = int(at.timestamp())
    return known > 0


def renew_session(session: Any) -> None:
    """Give a session a new key, because what it may do has grown; its row follows."""
    before = session.session_key
    session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=session.session_key)


@transaction.atomic
def end_session(user: User, number: int) -> bool:
    """End one of the person's sessions; False when there is none of that number."""
    ended = _end(UserSession.objects.select_for_update().filter(user=user, pk=number))
    if ended:
        audit.record("user.sessions_ended", user, count=ended)
    return bool(ended)


@transaction.atomic
def end_sessions(user: User, keep: str | None = None) -> int:
    """End the person's sessions, except the one with the key `keep`; return how many ended."""
    rows = UserSession.objects.select_for_update().filter(user=user)
    ended = _end(rows.exclude(session_key=keep) if keep else rows)
    if ended:
        audit.record("user.sessions_ended", user, count=ended)
    return ended


def forget_expired_sessions() -> int:
    """Drop the sessions that ran out, and the rows of those that are gone; return how many rows."""
    Session.objects.filter(expire_date__lte=now()).delete()
    gone, _ = UserSession.objects.exclude(session_key__in=_alive()).delete()
    return gone


def _alive() -> Any:
    return Session.objects.filter(expire_date__gt=now()).values("session_key")


def _end(rows: Iterable[UserSession]) -> int:
    store = _store()
    ended = list(rows)
    for row in ended:
        store(row.session_key).delete()
    UserSession.objects.filter(pk__in=[row.pk for row in ended]).delete()
    return len(ended)


def _store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore
