"""Invitations: an address that may become a member, once, until the link in its mail expires."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.models.organization import Membership, Organization
from accounts.rules.roles import OrganizationRole
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class InvitationQuerySet(OrganizationQuerySet):
    def unanswered(self) -> InvitationQuerySet:
        """Neither accepted nor revoked; some may have expired and can be sent again."""
        return self.filter(accepted_at=None, revoked_at=None)

    def open(self, at: datetime) -> InvitationQuerySet:
        return self.unanswered().filter(expires_at__gt=at)

    def due(self, at: datetime) -> InvitationQuerySet:
        """Those whose mail is to be written now: the promise behind the task.

        That of a suspended organization waits until it is reinstated.
        """
        active = Organization.Status.ACTIVE
        return self.open(at).filter(mail_due_at__lte=at, organization__status=active)


class Invitation(BaseModel):
    """One address asked to join one organization with a role.

    The link's token is made when the mail is written and stands here only as a keyed hash; each
    new mail has a new token, so only the latest link works. `mails` counts those asked for;
    `mail_due_at` is set while one is owed.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=16, choices=Membership.Role, default=Membership.Role.MEMBER)
    token_hash = models.CharField(max_length=64, null=True, blank=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField()
    mails = models.PositiveSmallIntegerField(default=1)
    mail_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                F("organization"),
                Lower("email"),
                condition=Q(accepted_at=None, revoked_at=None),
                name="accounts_invitation_live",
            ),
            models.UniqueConstraint("token_hash", name="accounts_invitation_token"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="accounts_invitation_expiry"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in OrganizationRole]),
                name="accounts_invitation_role",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None),
                name="accounts_invitation_one_end",
            ),
            models.CheckConstraint(
                condition=Q(email__regex=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
                name="accounts_invitation_email_format",
            ),
        ]
        indexes = [
            models.Index(
                "mail_due_at",
                condition=Q(mail_due_at__isnull=False),
                name="accounts_invitation_mail_due",
            ),
            models.Index(Lower("email"), name="accounts_invitation_email"),
            models.Index(fields=["organization", "-created_at"], name="accounts_invitation_recent"),
        ]

    def __str__(self) -> str:
        return self.email

    def state(self, at: datetime) -> str:
        """Return open, expired, accepted or revoked."""
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "open" if self.expires_at > at else "expired"
