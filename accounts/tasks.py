"""Scheduled work of the ground floor."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.db import connection
from django.utils.timezone import now

from accounts.services import idempotency
from accounts.services.team import mailing


@shared_task(name="accounts.forget_idempotency_keys")
def forget_idempotency_keys() -> None:
    idempotency.forget_old_keys(at=now())


@shared_task(name="accounts.prepare_audit_partitions")
def prepare_audit_partitions() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.prepare_partitions()")


@shared_task(name="accounts.send_invitation")
def send_invitation(invitation_id: str) -> None:
    mailing.send_due(UUID(invitation_id), at=now())


@shared_task(name="accounts.sweep_invitations")
def sweep_invitations() -> None:
    """Nudge again for mails whose first nudge was lost."""
    for invitation_id in mailing.due_invitations(now()):
        send_invitation.delay(str(invitation_id))
