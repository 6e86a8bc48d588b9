"""The mail of an invitation: its token is made here, sent once, and kept nowhere in clear."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Invitation
from accounts.services.team.reception import PURPOSE
from config.kit import context
from config.kit.ids import keyed_hash, random_token
from config.kit.mail import address_of, written_mail

LONGEST_WAIT = timedelta(hours=6)
_TEMPLATE = "accounts/email/invitation"


def send_due(invitation_id: UUID, *, at: datetime) -> bool:
    """Write and send one mail that is owed; not inside a transaction. False: nothing is owed.

    A mail server that fails raises; the mail is owed again after a while, with a new link.
    """
    claimed = _claim(invitation_id, at)
    if claimed is None:
        return False
    invitation, token = claimed
    _send(invitation, token)
    sent = Invitation.objects.filter(pk=invitation.pk, token_hash=invitation.token_hash)
    with context.acting(organization_id=invitation.organization_id):
        sent.update(mail_due_at=None, sent_at=at)
    return True


def due_invitations(at: datetime, limit: int = 200) -> list[UUID]:
    rows = Invitation.objects.due(at).order_by("mail_due_at").values_list("pk", flat=True)
    return list(rows[:limit])


@transaction.atomic
def _claim(invitation_id: UUID, at: datetime) -> tuple[Invitation, str] | None:
    """Take the mail for a while and give the invitation a new token; nobody else gets it then."""
    rows = Invitation.objects.due(at).select_for_update(skip_locked=True, of=("self",))
    invitation: Invitation | None = (
        rows.filter(pk=invitation_id).select_related("organization", "invited_by").first()
    )
    if invitation is None:
        return None
    token = random_token()
    invitation.token_hash = keyed_hash(PURPOSE, token)
    # Tries grow rarer with the invitation's age, so that a dead mail server is not stormed.
    wait = max(settings.CLAIM_LEASE, min((at - invitation.created_at) / 2, LONGEST_WAIT))
    invitation.mail_due_at = at + wait
    invitation.save(update_fields=["token_hash", "mail_due_at"])
    return invitation, token


def _send(invitation: Invitation, token: str) -> None:
    by = invitation.invited_by
    facts = {
        "organization": invitation.organization.name,
        "role": invitation.get_role_display(),
        "invited_by": by.full_name if by else "",
        "url": address_of(reverse("invitation", args=[token])),
        "expires_at": invitation.expires_at,
    }
    written_mail(_TEMPLATE, facts, to=invitation.email).send()
