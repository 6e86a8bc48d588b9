"""Mails about an account itself (links, notices): owed as rows, sent by a worker, at least once.

They lie sealed, because a link lets its holder in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from accounts import events
from accounts.models import AccountMail
from config.kit.ids import keyed_hash, seal

logger = structlog.get_logger(__name__)
SOON = timedelta(seconds=30)
"""A mail that was just written has its own nudge."""

LONGEST_WAIT = timedelta(hours=1)
LONGEST_TRIED = timedelta(days=3)
"""The links in these mails open nothing after that."""

_PARTS = ("subject", "body", "from_email", "to", "alternatives")


@transaction.atomic
def owe_mail(mail: EmailMultiAlternatives) -> AccountMail:
    owed = AccountMail.objects.create(
        message_sealed=seal(json.dumps({part: getattr(mail, part) for part in _PARTS})),
        address_hash=_hash_of(mail.to[0]),
    )
    events.account_mail_written.send(AccountMail, mail=owed)
    return owed


def send_due(mail_id: UUID, *, at: datetime) -> bool:
    """Send one mail that is owed; not inside a transaction. False: nothing is owed.

    A mail server that fails raises; the mail is owed again after a while, for three days.
    """
    mail = _claim(mail_id, at)
    if mail is None:
        return False
    message_of(mail).send()
    AccountMail.objects.filter(pk=mail.pk).delete()
    return True


def message_of(mail: AccountMail) -> EmailMultiAlternatives:
    return EmailMultiAlternatives(**json.loads(mail.message))


def due_mails(at: datetime, limit: int = 200) -> list[UUID]:
    """Return the mails whose nudge was lost, whose worker died or whose next try is due."""
    rows = AccountMail.objects.due(at).filter(created_at__lt=at - SOON)
    return list(rows.order_by("created_at").values_list("pk", flat=True)[:limit])


def give_up(at: datetime) -> int:
    """Delete the mails that could not be sent in time; return how many."""
    count, _ = AccountMail.objects.filter(created_at__lte=at - LONGEST_TRIED).delete()
    if count:
        logger.warning("account_mail.given_up", count=count)
    return count


def forget_mails_to(addresses: Iterable[str]) -> None:
    AccountMail.objects.filter(address_hash__in=map(_hash_of, addresses)).delete()


@transaction.atomic
def _claim(mail_id: UUID, at: datetime) -> AccountMail | None:
    rows = AccountMail.objects.due(at).filter(created_at__gt=at - LONGEST_TRIED)
    mail: AccountMail | None = rows.select_for_update(skip_locked=True).filter(pk=mail_id).first()
    if mail is None:
        return None
    mail.attempts += 1
    # Tries grow rarer with the mail's age, so that a dead mail server is not stormed.
    wait = max(settings.CLAIM_LEASE, min((at - mail.created_at) / 2, LONGEST_WAIT))
    mail.claimed_until = at + wait
    mail.save(update_fields=["attempts", "claimed_until"])
    return mail


def _hash_of(address: str) -> str:
    return keyed_hash("account-mail", address.lower())
