"""What happened to a license and its devices, in words, from the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts.models import AuditLog, User
from accounts.services.reading import STAFF
from licensing.models import License

LOOKED_AT = 60
DEVICES_LOOKED_AT = 200
_ACTORS = {"user": "a colleague", "device": "a device"}
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    title: str
    at: datetime
    by: str
    tone: str


def activity_of(license: License, *, limit: int) -> list[Happening]:
    """Return the newest events that a person understands. Three queries."""
    names = {
        str(pk): name for pk, name in license.devices.values_list("pk", "name")[:DEVICES_LOOKED_AT]
    }
    about = Q(entity_type="licensing_license", entity_id=str(license.pk))
    about |= Q(entity_type="licensing_devicelink", entity_id__in=list(names))
    entries = AuditLog.objects.for_organization(license.organization_id).filter(about)
    told: list[tuple[AuditLog, str, str]] = []
    for entry in entries.order_by("-id")[:LOOKED_AT]:
        title, tone = _words(entry, names)
        if title:
            told.append((entry, title, tone))
    told = told[:limit]
    people = _people(entry.actor_id for entry, *_ in told if entry.actor_kind == "user")
    return [
        Happening(title, entry.at, _by(entry, people.get(entry.actor_id or "")), tone)
        for entry, title, tone in told
    ]


def _words(entry: AuditLog, names: Mapping[str, str]) -> tuple[str, str]:
    tell = _TELLERS.get((entry.entity_type, entry.action))
    return tell(entry.new_values or {}, names.get(entry.entity_id or "", "")) if tell else ("", "")


def _by(entry: AuditLog, actor: User | None) -> str:
    if entry.is_by_staff(actor):
        return STAFF
    return actor.full_name if actor else _ACTORS.get(entry.actor_kind, "Switchyard")


def _people(keys: Any) -> dict[str, User]:
    wanted = {key for key in keys if key}
    users = User.objects.filter(pk__in=wanted) if wanted else User.objects.none()
    return {str(user.pk): user for user in users}


def _license_changed(facts: Facts, _: str) -> tuple[str, str]:
    if "status" in facts:
        return _STATUS[str(facts["status"])]
    if "max_devices" in facts:
        return f"Device limit is now {facts['max_devices']}", ""
    return "", ""


def _device_changed(facts: Facts, name: str) -> tuple[str, str]:
    if "deactivated_at" in facts:
        if facts["deactivated_at"]:
            return f"{name} deactivated", "warn"
        return f"{name} activated again", "ok"
    if "token_hash" in facts:
        return f"{name} got a new token", ""
    return "", ""


_STATUS = {
    "active": ("Active again", "ok"),
    "suspended": ("Suspended", "bad"),
    "expired": ("Expired", "warn"),
    "revoked": ("Revoked", "bad"),
}
_TELLERS: dict[tuple[str, str], Callable[[Facts, str], tuple[str, str]]] = {
    ("licensing_license", "insert"): lambda facts, _: ("License issued", "ok"),
    ("licensing_license", "update"): _license_changed,
    ("licensing_license", "license.key_revealed"): lambda facts, _: ("Key shown", ""),
    ("licensing_devicelink", "insert"): lambda facts, name: (f"{name} activated", "ok"),
    ("licensing_devicelink", "update"): _device_changed,
}
