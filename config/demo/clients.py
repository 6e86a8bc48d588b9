"""Desktop clients of the owner, what they reported, a copy of the data, and what staff noted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import DataExport, RefreshToken, SyncLog, User
from accounts.services.privacy.exports import make_export, request_export, request_list
from accounts.services.sync import Event, take_events
from accounts.services.tokens.issuing import begin_session
from config.kit import context
from support.models import AdminNote
from support.services.notes import write_note

_REPORTS: list[tuple[str, str, bool, str, dict[str, Any]]] = [
    ("sync.finished", "files", True, "", {"changed": 14, "seconds": 3.2}),
    ("sync.finished", "files", True, "", {"changed": 2, "seconds": 0.8}),
    ("update.installed", "updater", True, "", {"from": "4.1.0", "to": "4.2.1"}),
    ("sync.failed", "files", False, "The server did not answer in 30 s.", {"changed": 0}),
    ("sync.finished", "files", True, "", {"changed": 9, "seconds": 2.1}),
]
_NOTES = [
    ("Prefers to be called before noon. Plans a second plant next year.", False),
    ("Asked twice for the VAT number to be checked. Answer by mail before the next invoice.", True),
]


def fill_clients(owner: User, *, at: datetime) -> int:
    """Let a desktop and a headless machine sign in and report; returns how many reports are new."""
    with context.acting(
        user_id=owner.pk,
        actor_kind="user",
        actor_id=str(owner.pk),
        ip="203.0.113.24",
        user_agent="SwitchyardDesktop/4.2.1 (Windows 11)",
    ):
        if not RefreshToken.objects.filter(user=owner).exists():
            for origin, name in (("bridge", "Switchyard Desktop"), ("device", "Switchyard CLI")):
                begin_session(owner, origin=origin, client_name=name, at=at)
        known = SyncLog.objects.filter(user=owner).exists()
        return 0 if known else take_events(owner, _events(at)).accepted


def _events(at: datetime) -> list[Event]:
    return [
        Event(
            event_id=f"demo-{number}",
            event_type=kind,
            event_source=source,
            data=data,
            success=success,
            error_message=error or None,
            occurred_at=at - timedelta(hours=5 * number + 1),
        )
        for number, (kind, source, success, error, data) in enumerate(_REPORTS)
    ]


def fill_export(owner: User, *, at: datetime) -> int:
    """Make the owner's copy of their data and a list of theirs; returns how many are new."""
    with context.acting(user_id=owner.pk, actor_kind="user", actor_id=str(owner.pk)):
        if DataExport.objects.filter(user=owner).exists():
            return 0
        reports = {"name": "client-reports", "path": "/security/tokens/reports/", "query": ""}
        asked = [request_export(owner), request_list(owner, organization=None, **reports)]
        for export in asked:
            make_export(export, at=at)
        return len(asked)


@transaction.atomic
def fill_notes(customer: User, staff: User) -> int:
    """Let a colleague of the support desk write about the customer; returns how many notes."""
    if AdminNote.objects.filter(user=customer).exists():
        return 0
    with context.acting(actor_kind="user", actor_id=str(staff.pk)):
        for note, is_flagged in _NOTES:
            write_note(customer, note=note, is_flagged=is_flagged, by=staff)
    return len(_NOTES)
