"""Inviting: who is asked, asked again, and no longer asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from accounts import events
from accounts.models import Invitation, Organization, User
from accounts.rules import team as rules
from accounts.services import audit
from config.kit.errors import NotFound, RateLimited

INVITED, INVITED_BEFORE, MEMBER_ALREADY = "invited", "already_invited", "already_member"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one address; it never says whether anybody has an account with it."""

    email: str
    outcome: str
    invitation: Invitation | None


@transaction.atomic
def invite(
    organization: Organization,
    *,
    emails: Sequence[str],
    role: str,
    by: User | None,
    manages_owners: bool,
    at: datetime,
) -> list[Outcome]:
    """Invite each address, lower case and checked before; members and open invitations stay.

    Raises `RateLimited` for more than 100 a day, before anything is written.
    """
    rules.require_owner_for(role, manages_owners=manages_owners)
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    members = _addresses_of_members(organization, emails)
    before = {each.email: each for each in _unanswered(organization, emails)}
    still_open = {email for email, each in before.items() if each.expires_at > at}
    new = [email for email in emails if email not in members | still_open]
    _require_room(organization, len(new), at)
    _revoke((each for email, each in before.items() if email in new), at)
    made = {email: _create(organization, email, role, by, at) for email in new}
    return [
        Outcome(email, MEMBER_ALREADY, None)
        if email in members
        else Outcome(email, INVITED, made[email])
        if email in made
        else Outcome(email, INVITED_BEFORE, before[email])
        for email in emails
    ]


@transaction.atomic
def resend(invitation: Invitation, *, at: datetime) -> Invitation:
    """Send a new link, good for another seven days; the former link stops working then."""
    invitation = _lock(invitation)
    if invitation.accepted_at or invitation.revoked_at:
        raise rules.InvitationOver
    if invitation.mail_due_at is not None and invitation.expires_at > at:
        return invitation  # Once it has expired, nobody sends that mail any more.
    if invitation.mails >= rules.MOST_MAILS:
        raise rules.TooManyMails
    wait = (invitation.sent_at or at - rules.RESEND_AFTER) + rules.RESEND_AFTER - at
    if wait > timedelta():
        raise RateLimited(
            "The mail is on its way. Send it again in a few minutes.",
            retry_after=int(wait.total_seconds()) + 1,
        )
    invitation.expires_at = at + rules.VALID_FOR
    invitation.mail_due_at = at
    invitation.mails += 1
    invitation.save(update_fields=["expires_at", "mail_due_at", "mails"])
    audit.record("invitation.resent", invitation)
    events.invitation_requested.send(Invitation, invitation=invitation)
    return invitation


@transaction.atomic
def revoke(invitation: Invitation, *, at: datetime) -> Invitation:
    """Withdraw an invitation; its link stops working. Doing it again changes nothing."""
    invitation = _lock(invitation)
    if invitation.accepted_at:
        raise rules.AlreadyMember
    if invitation.revoked_at is None:
        _revoke([invitation], at)
    return invitation


def _lock(invitation: Invitation) -> Invitation:
    rows = Invitation.objects.for_organization(invitation.organization_id).select_for_update()
    found: Invitation | None = rows.filter(pk=invitation.pk).first()
    if found is None:
        raise NotFound
    return found


def _create(
    organization: Organization, email: str, role: str, by: User | None, at: datetime
) -> Invitation:
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        invited_by=by,
        expires_at=at + rules.VALID_FOR,
        mail_due_at=at,
    )
    audit.record("invitation.created", invitation, role=role)
    events.invitation_requested.send(Invitation, invitation=invitation)
    return invitation


def _revoke(invitations: Iterable[Invitation], at: datetime) -> None:
    for invitation in invitations:
        invitation.revoked_at, invitation.mail_due_at = at, None
        invitation.save(update_fields=["revoked_at", "mail_due_at"])
        audit.record("invitation.revoked", invitation)


def _require_room(organization: Organization, wanted: int, at: datetime) -> None:
    recent = Invitation.objects.for_organization(organization).filter(created_at__gt=at - DAY)
    if not wanted or recent.count() + wanted <= rules.MOST_A_DAY:
        return
    oldest = recent.order_by("created_at").values_list("created_at", flat=True).first() or at
    raise RateLimited(
        f"At most {rules.MOST_A_DAY} invitations a day. Nobody was invited this time.",
        retry_after=max(1, int((oldest + DAY - at).total_seconds())),
    )


def _unanswered(organization: Organization, emails: Sequence[str]) -> Iterable[Invitation]:
    rows = Invitation.objects.for_organization(organization).unanswered().select_for_update()
    found: Iterable[Invitation] = rows.annotate(lower=Lower("email")).filter(lower__in=emails)
    return found


def _addresses_of_members(organization: Organization, emails: Sequence[str]) -> set[str]:
    """Return those of `emails` that belong to members: their own and other confirmed ones."""
    rows = User.objects.filter(memberships__organization=organization).filter(
        Q(email__in=emails) | Q(emailaddress__email__in=emails, emailaddress__verified=True)
    )
    pairs = rows.values_list("email", "emailaddress__email")
    return {address for pair in pairs for address in pair if address} & set(emails)
