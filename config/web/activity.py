"""The audit trail of one organization in human words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts.models import AuditLog, Organization, User
from accounts.services.reading import STAFF
from config.kit.money import Money

LOOKED_AT = 60
"""Rows read from the trail: some changes of the tables below say nothing to a person."""

_ACTORS = {
    "device": "a device",
    "stripe": "payment service",
    "api_key": "an API key",
    "anonymous": "",
}

Facts = Mapping[str, Any]
Words = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the activity list; `tone` is ok, warn, bad, busy or nothing."""

    title: str
    at: datetime
    by: str
    tone: str


def recent_activity(organization: Organization, *, reader: User, limit: int) -> list[Happening]:
    """Return the newest events that a person understands, told to `reader`. Two queries."""
    told = Q()
    for table, action in _TELLERS:
        told |= Q(entity_type=table, action=action)
    entries = AuditLog.objects.for_organization(organization).filter(told)[:LOOKED_AT]
    worded = [(entry, words) for entry in entries if (words := _words(entry))][:limit]
    people = _people(entry for entry, _ in worded)
    return [
        Happening(title, entry.at, _by(entry, people.get(entry.actor_id or ""), reader), tone)
        for entry, (title, tone) in worded
    ]


def _words(entry: AuditLog) -> Words | None:
    return _TELLERS[entry.entity_type, entry.action](entry.new_values or {})


def _by(entry: AuditLog, actor: User | None, reader: User) -> str:
    if actor == reader and entry.impersonator_id in (None, entry.actor_id):
        return "you"
    if entry.is_by_staff(actor):
        return STAFF
    return actor.full_name if actor else _ACTORS.get(entry.actor_kind, "Switchyard")


def _people(entries: Iterable[AuditLog]) -> dict[str, User]:
    keys = {entry.actor_id for entry in entries if entry.actor_kind == "user" and entry.actor_id}
    return {str(user.pk): user for user in User.objects.filter(pk__in=keys)}


def _amount(facts: Facts, field: str) -> str:
    return str(Money(int(facts[field]), str(facts["currency"])))


def _by_status(said: Mapping[str, Words]) -> Callable[[Facts], Words | None]:
    """Tell a change of `status`; changes of other columns are not told."""
    return lambda facts: said.get(str(facts.get("status", "")))


def _device_changed(facts: Facts) -> Words | None:
    if "deactivated_at" not in facts:
        return None
    return (
        ("Device deactivated", "") if facts["deactivated_at"] else ("Device activated again", "ok")
    )


def _payment(facts: Facts) -> Words:
    kind = {"refund": "Refund", "credit": "Credit"}.get(str(facts["kind"]), "Payment")
    return f"{kind} of {_amount(facts, 'amount_minor')}", "ok"


def _renewal(facts: Facts) -> Words | None:
    if facts.get("status") in _SUBSCRIPTION:
        return _SUBSCRIPTION[str(facts["status"])]
    if "cancel_at_period_end" in facts:
        ends = bool(facts["cancel_at_period_end"])
        return ("Renewal switched off", "warn") if ends else ("Renewal switched on again", "ok")
    return None


_SUBSCRIPTION: dict[str, Words] = {
    "past_due": ("A subscription's payment is overdue", "bad"),
    "paused": ("Subscription paused", "warn"),
    "cancelled": ("Subscription cancelled", "warn"),
    "ended": ("Subscription ended", ""),
}
_LICENSE: dict[str, Words] = {
    "active": ("License active again", "ok"),
    "suspended": ("License suspended", "bad"),
    "expired": ("License expired", "warn"),
    "revoked": ("License revoked", "bad"),
}
_ATTEMPT: dict[str, Words] = {"failed": ("A payment failed", "bad")}
_ORDER: dict[str, Words] = {"cancelled": ("Order cancelled", "")}

# By table and what was done to it: the sentence, made from the row's new values.
_TELLERS: dict[tuple[str, str], Callable[[Facts], Words | None]] = {
    ("accounts_organization", "insert"): lambda _: ("Organization founded", ""),
    ("accounts_organization", "update"): lambda facts: (
        ("Organization renamed", "") if "name" in facts else None
    ),
    ("accounts_membership", "insert"): lambda facts: (
        None if facts.get("role") == "owner" else ("Member added", "")
    ),
    ("billing_order", "insert"): lambda facts: (f"Order {facts['number']} placed", "busy"),
    ("billing_order", "update"): _by_status(_ORDER),
    ("billing_paymentattempt", "update"): _by_status(_ATTEMPT),
    ("billing_transaction", "insert"): _payment,
    ("billing_subscription", "insert"): lambda _: ("Subscription started", "ok"),
    ("billing_subscription", "update"): _renewal,
    ("licensing_license", "insert"): lambda facts: (f"License issued: {facts['plan']}", "ok"),
    ("licensing_license", "update"): _by_status(_LICENSE),
    ("licensing_license", "license.key_revealed"): lambda _: ("License key shown", ""),
    ("billing_invoice", "invoice.downloaded"): lambda _: ("Invoice downloaded", ""),
    ("licensing_devicelink", "insert"): lambda _: ("Device activated", "ok"),
    ("licensing_devicelink", "update"): _device_changed,
}
