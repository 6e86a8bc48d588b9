"""Telling people: one row for all who may see it, and the mails that it owes."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import Membership, Notification, NotificationMail, NotificationRule
from accounts.rules.event_types import written
from accounts.rules.notices import KINDS, Channels, Kind, Severity, channels_for
from accounts.services.webhooks.announcing import announce
from config.kit import context
from config.kit.ids import uuid7

CREATED = "notification.created"


def notify(
    organization_id: UUID,
    kind: str,
    *,
    title: str,
    text: str = "",
    url: str = "",
    severity: str = Severity.INFO,
    user_id: UUID | None = None,
    source: str = "",
) -> Notification | None:
    """Tell an organization's people, or one of them, what happened; None when they know already.

    `source` names the cause, for example `invoice_paid:<id>`: the same cause is told once.
    `url` is a path on this site. Call it inside the transaction of the cause.
    """
    with context.acting(organization_id=organization_id), transaction.atomic():
        notification = Notification(
            organization_id=organization_id,
            user_id=user_id,
            kind=KINDS[kind].name,
            severity=severity,
            title=title[:200],
            text=text[:1000],
            url=url,
            source=source or f"{kind}:{uuid7()}",
        )
        Notification.objects.bulk_create([notification], ignore_conflicts=True)
        if not Notification.objects.filter(pk=notification.pk).exists():
            return None
        _spread(notification)
    return notification


def _spread(notification: Notification) -> None:
    """Owe the mails and announce the webhook that the rules ask for."""
    kind = KINDS[notification.kind]
    rules = _rules(notification)
    everybody = rules.get(None)
    for membership in _audience(notification, kind):
        if channels_for(kind, rules.get(membership.user_id), everybody).email:
            _owe_mail(notification, membership.user_id)
    if channels_for(kind, everybody).webhook and notification.user_id is None:
        announce(notification.organization_id, CREATED, _payload(notification))


def _rules(notification: Notification) -> Mapping[UUID | None, Channels]:
    rows = NotificationRule.objects.for_organization(notification.organization_id)
    return {
        rule.user_id: Channels(rule.in_app, rule.email, rule.webhook)
        for rule in rows.filter(kind=notification.kind)
    }


def _audience(notification: Notification, kind: Kind) -> list[Membership]:
    rows = Membership.objects.for_organization(notification.organization_id)
    if notification.user_id is not None:
        rows = rows.filter(user_id=notification.user_id)
    active = rows.filter(user__status="active")
    return [membership for membership in active if membership.allows(kind.needs)]


def _owe_mail(notification: Notification, user_id: UUID) -> None:
    mail = NotificationMail.objects.create(
        organization_id=notification.organization_id,
        notification=notification,
        user_id=user_id,
        due_at=now(),
    )
    events.notification_mail_due.send(NotificationMail, mail_id=mail.pk)


def _payload(notification: Notification) -> dict[str, str]:
    return {
        "id": str(notification.pk),
        "kind": notification.kind,
        "severity": notification.severity,
        "title": notification.title,
        "text": notification.text,
        "path": notification.url,
        "created_at": written(now()),
    }
