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
    """Open an alert, or renew the one that is open; the first time people are told by mail."""
    found, is_new = TrailAlert.objects.select_for_update().get_or_create(
        kind=kind, resolved_at=None, defaults={"detail": detail, "seen_at": at}
    )
    logger.error("audit.alert", kind=kind, detail=detail)
    if is_new:
        title = str(found.get_kind_display())
        transaction.on_commit(lambda: mail_admins(f"Audit trail: {title}", detail), robust=True)
        events.trail_alert_opened.send(TrailAlert, alert=found)
    else:
        found.detail, found.seen_at = detail, at
        found.save(update_fields=["detail", "seen_at"])
    return found


def unposted() -> list[TrailAlert]:
    """Return what the operator's chat, if one is set, has not taken yet."""
    rows = TrailAlert.objects.filter(resolved_at=None, posted_at=None)
    return list(rows) if live("ALERT_WEBHOOK_URL") else []


def post_alert(found: TrailAlert) -> None:
    """Post an alert once to the operator's chat, if one is set (ALERT_WEBHOOK_URL).

    Not inside a transaction. Raises `GatewayError` or `AddressRefused` when it is not taken; every
    watch tries again while the alert is open.
    """
    url = live("ALERT_WEBHOOK_URL")
    if not url or found.posted_at:
        return
    text = f"{settings.SITE_NAME}, audit trail: {found.get_kind_display()}. {found.detail}"
    answer = http.post(
        url, body=orjson.dumps({"text": text}), headers={"Content-Type": "application/json"}
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
