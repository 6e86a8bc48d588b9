"""Watching the trail: a break, a late seal or a write past the application calls a person."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson
import structlog
from django.conf import settings
from django.core.mail import mail_admins
from django.db import connection, transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import AuditLog, TrailAlert
from accounts.services.live import live
from accounts.services.seals.sealing import seal_lag
from accounts.services.seals.verification import Report, verify_all
from config.kit import http
from config.kit.errors import GatewayError

logger = structlog.get_logger(__name__)
LATE_AFTER = timedelta(minutes=15)
LOOKED_BACK = timedelta(days=1)
NAMED = 20
"""Breaks written out in an alert; the command shows them all."""


def verify_yesterday(at: datetime) -> Report:
    """Verify the whole chain and the rows sealed in the last two days; alert on a break."""
    report = verify_all(since=at - 2 * LOOKED_BACK)
    if report.breaks:
        named = [f"seal {found.seq}: {found.what}" for found in report.breaks[:NAMED]]
        if len(report.breaks) > NAMED:
            named.append(f"and {len(report.breaks) - NAMED} more")
        alert(TrailAlert.Kind.BROKEN, "\n".join(named), at=at)
    return report


def watch(at: datetime) -> list[TrailAlert]:
    """Look at what needs no hashing, every few minutes."""
    found = [_late(at), _outsiders(at), _unsorted(at)]
    return [alert for alert in found if alert is not None]


def _late(at: datetime) -> TrailAlert | None:
    lag = seal_lag(at)
    if lag <= LATE_AFTER:
        return None
    minutes = int(lag.total_seconds() // 60)
    return alert(TrailAlert.Kind.LATE, f"The oldest entry waits for {minutes} minutes.", at=at)


def _outsiders(at: datetime) -> TrailAlert | None:
    """Find rows that no request, task, command or migration of ours announced."""
    rows = AuditLog.objects.filter(actor_kind__startswith="db:", at__gte=at - LOOKED_BACK)
    newest = rows.order_by("-id").first()
    if newest is None:
        return None
    detail = f"{rows.count()} in a day; the newest is entry {newest.pk} by {newest.db_user}."
    return alert(TrailAlert.Kind.OUTSIDER, detail, at=at)


def _unsorted(at: datetime) -> TrailAlert | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM audit.logs_default)")
        (found,) = cursor.fetchone()
    if not found:
        return None
    return alert(TrailAlert.Kind.UNSORTED, "audit.prepare_partitions() did not run in time.", at=at)


@transaction.atomic
def alert(kind: str, detail: str, *, at: datetime) -> TrailAlert:
    """Open an alert, of which people are told, or renew the one that is open."""
    found, is_new = TrailAlert.objects.select_for_update().get_or_create(
        kind=kind, resolved_at=None, defaults={"detail": detail, "seen_at": at}
    )
    logger.error("audit.alert", kind=kind, detail=detail)
    if is_new:
        events.trail_alert_opened.send(TrailAlert, alert=found)
    else:
        found.detail, found.seen_at = detail, at
        found.save(update_fields=["detail", "seen_at"])
    return found


def untold() -> list[TrailAlert]:
    """Return the open alerts that the operators' mail or chat, where set, has not taken yet."""
    rows = TrailAlert.objects.filter(resolved_at=None)
    return [found for found in rows if _waits_for_mail(found) or _waits_for_chat(found)]


def tell(found: TrailAlert) -> None:
    """Mail an alert to the operators (ADMIN_EMAILS) and post it to their chat (ALERT_WEBHOOK_URL).

    Each once, and neither where it is not set. Not inside a transaction. Raises what the mail
    server or the chat failed with, after both were tried; every watch tries again while the alert
    is open.
    """
    try:
        if _waits_for_mail(found):
            _mail(found)
    finally:
        if _waits_for_chat(found):
            _post(found)


def _waits_for_mail(found: TrailAlert) -> bool:
    return bool(settings.ADMINS) and found.mailed_at is None


def _waits_for_chat(found: TrailAlert) -> bool:
    return bool(live("ALERT_WEBHOOK_URL")) and found.posted_at is None


def _mail(found: TrailAlert) -> None:
    mail_admins(f"Audit trail: {found.get_kind_display()}", found.detail)
    TrailAlert.objects.filter(pk=found.pk).update(mailed_at=now())


def _post(found: TrailAlert) -> None:
    text = f"{settings.SITE_NAME}, audit trail: {found.get_kind_display()}. {found.detail}"
    answer = http.post(
        live("ALERT_WEBHOOK_URL"),
        body=orjson.dumps({"text": text}),
        headers={"Content-Type": "application/json"},
    )
    if not 200 <= answer.status < 300:
        raise GatewayError(f"The chat answered {answer.status}.", retryable=True)
    TrailAlert.objects.filter(pk=found.pk).update(posted_at=now())


@transaction.atomic
def resolve(found: TrailAlert, *, at: datetime) -> None:
    """Close an alert that a person has looked at; the next finding opens a new one."""
    found = TrailAlert.objects.select_for_update().get(pk=found.pk)
    found.resolved_at = found.resolved_at or at
    found.save(update_fields=["resolved_at"])
