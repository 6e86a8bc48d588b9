"""Reading an organization's trail: the filters that page and API share, and who is named how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from accounts.models import AuditLog, Membership, Organization, User
from accounts.models.audit import AuditLogQuerySet
from accounts.rules.trail import noun_of, sentence
from accounts.services import audit
from config.kit import context
from config.kit.errors import NotFound

STAFF = "Switchyard staff"
LONGEST = 18
"""Digits of the largest entry number that a link may hold."""
READ = "audit_log.read"
NOTED_EVERY = timedelta(hours=1)
_KINDS = {
    "anonymous": "Nobody signed in",
    "api_key": "API key",
    "device": "A device",
    "stripe": "Payment service",
}


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """What to look for; empty fields narrow nothing. `since` counts in, `until` does not."""

    actor: str = ""
    action: str = ""
    entity_type: str = ""
    entity_id: str = ""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self != TrailFilter()

    def narrow(self, rows: AuditLogQuerySet, organization: Organization) -> AuditLogQuerySet:
        exact = {
            "entity_type": self.entity_type, "entity_id": self.entity_id,
            "request_id": self.request_id, "at__gte": self.since, "at__lt": self.until,
        }  # fmt: skip
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        if self.action:
            rows = rows.filter(action__startswith=self.action)
        if not self.actor:
            return rows
        rows = rows.filter(impersonator_id=None)  # staff are found under nobody's name
        if "@" in self.actor:
            return rows.filter(actor_id__in=_members(organization, self.actor))
        return rows.filter(actor_id=self.actor)


def trail_of(organization: Organization) -> AuditLogQuerySet:
    rows: AuditLogQuerySet = AuditLog.objects.for_organization(organization)
    return rows


def entry_of(organization: Organization, key: str) -> AuditLog:
    """Return one entry; raises `NotFound` for a number that is none and for another's alike."""
    known = key.isascii() and key.isdigit() and len(key) <= LONGEST
    found: AuditLog | None = trail_of(organization).filter(pk=int(key)).first() if known else None
    if found is None:
        raise NotFound
    return found


def note_reading(organization: Organization, *, at: datetime) -> None:
    """Write down that somebody reads the log: once an hour each, or reading would fill it."""
    here = context.current()
    assert here is not None, "a log is read in a request"
    noted = trail_of(organization).filter(
        action=READ, actor_id=here.actor_id, impersonator_id=here.impersonator_id,
        at__gt=at - NOTED_EVERY,
    )  # fmt: skip
    if noted.order_by("-id").first() is None:
        audit.record(READ, organization, organization_id=organization.pk)


def days(first: date | None, last: date | None, zone: Any) -> dict[str, datetime | None]:
    """Return `since` and `until` for whole days, the last one included, in a time zone."""
    until = last + timedelta(days=1) if last and last < date.max else None
    return {
        "since": datetime.combine(first, time(), zone) if first else None,
        "until": datetime.combine(until, time(), zone) if until else None,
    }


def named(entries: Iterable[AuditLog]) -> list[Any]:
    """Set on each entry what a customer reads: `who`, `who_id`, `what`, `thing`, `from_ip`, `from_agent`.

    Staff have no name here, no id and no address: a customer learns that support acted, not who
    and from where.
    """
    rows: list[Any] = list(entries)
    keys = {row.actor_id for row in rows if row.actor_kind == "user"}
    people = {str(each.pk): each for each in User.objects.filter(pk__in=_uuids(keys))}
    for row in rows:
        user = people.get(row.actor_id or "") if row.actor_kind == "user" else None
        by_staff = row.is_by_staff(user)
        row.who = STAFF if by_staff else _name(row, user)
        row.who_id = None if by_staff else row.actor_id
        row.what = sentence(row.action, row.entity_type)
        row.thing = noun_of(row.entity_type)
        row.from_ip = None if by_staff else row.ip
        row.from_agent = "" if by_staff else row.user_agent or ""
    return rows


def _name(row: AuditLog, user: User | None) -> str:
    if user is not None:
        return user.email
    if row.actor_kind == "user":
        return "Former user"
    return _KINDS.get(row.actor_kind, "Switchyard")


def _members(organization: Organization, email: str) -> list[str]:
    """Return the ids of members with an address: nobody is found who is not one."""
    found = Membership.objects.for_organization(organization).filter(user__email__iexact=email)
    return [str(key) for key in found.values_list("user_id", flat=True)]


def _uuids(keys: Iterable[str | None]) -> list[UUID]:
    found = []
    for key in keys:
        try:
            found.append(UUID(key or ""))
        except ValueError:
            continue
    return found
