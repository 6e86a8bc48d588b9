"""The mails of notifications: owed as rows, sent by a worker, at least once."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.urls import reverse

from accounts.models import Membership, NotificationMail
from accounts.rules.notices import KINDS
from config.kit import context
from config.kit.mail import address_of, written_mail

LONGEST_WAIT = timedelta(hours=6)
LONGEST_TRIED = timedelta(days=3)
_TEMPLATE = "accounts/email/notification"


def send_due(mail_id: UUID, *, at: datetime) -> bool:
    """Send one mail that is owed; not inside a transaction. False: nothing is owed.

    A mail server that fails raises; the mail is owed again after a while, for three days.
    """
    mail = _claim(mail_id, at)
    if mail is None:
        return False
    with context.acting(organization_id=mail.organization_id):
        _message(mail).send()
        NotificationMail.objects.filter(pk=mail.pk).update(due_at=None, sent_at=at)
    return True


def due_mails(at: datetime, limit: int = 200) -> list[UUID]:
    rows = NotificationMail.objects.due(at).order_by("due_at").values_list("pk", flat=True)
    return list(rows[:limit])


@transaction.atomic
def _claim(mail_id: UUID, at: datetime) -> NotificationMail | None:
    rows = NotificationMail.objects.due(at).select_for_update(skip_locked=True, of=("self",))
    found = rows.select_related("notification", "user", "organization").filter(pk=mail_id)
    mail: NotificationMail | None = found.first()
    if mail is None:
        return None
    is_late = at - mail.created_at > LONGEST_TRIED
    is_member = Membership.objects.for_organization(mail.organization_id).filter(user=mail.user)
    if is_late or not mail.user.is_active or not is_member.exists():
        mail.due_at = None
        mail.save(update_fields=["due_at"])
        return None
    mail.attempts += 1
    mail.due_at = at + max(settings.CLAIM_LEASE, min((at - mail.created_at) / 2, LONGEST_WAIT))
    mail.save(update_fields=["attempts", "due_at"])
    return mail


def _message(mail: NotificationMail) -> EmailMultiAlternatives:
    notification = mail.notification
    kind = KINDS.get(notification.kind)
    rules_url = address_of(reverse("notification_rules"))
    facts = {
        "notification": notification,
        "organization": mail.organization.name,
        "kind": kind.label if kind else notification.kind,
        "url": address_of(notification.url) if notification.url else "",
        "rules_url": rules_url,
    }
    headers = {"List-Unsubscribe": f"<{rules_url}>"}
    return written_mail(_TEMPLATE, facts, to=mail.user.email, headers=headers)
