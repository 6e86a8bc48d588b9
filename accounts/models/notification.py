"""What people are told, how they want to be told, and the mail that is owed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models.organization import Organization
from accounts.models.user import User
from accounts.rules.notices import KINDS, Severity
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class NotificationQuerySet(OrganizationQuerySet):
    def for_user(self, user_id: UUID, kinds: Iterable[str]) -> NotificationQuerySet:
        """Those for everybody and those for this person, of the kinds they are to see."""
        return self.filter(Q(user=None) | Q(user_id=user_id), kind__in=list(kinds))

    def following_rules(self, user_id: UUID) -> NotificationQuerySet:
        """Leave out the kinds that this person, or the organization for all, does not want here."""
        rules = NotificationRule.objects.filter(
            organization=OuterRef("organization"), kind=OuterRef("kind")
        )
        own = rules.filter(user_id=user_id).values("in_app")
        common = rules.filter(user=None).values("in_app")
        shown = Coalesce(Subquery(own), Subquery(common), Value(True))
        wanted: NotificationQuerySet = self.alias(is_shown=shown).filter(is_shown=True)
        return wanted

    def with_read(self, user_id: UUID) -> NotificationQuerySet:
        """Add `is_read`: this person has."""
        reads = NotificationRead.objects.filter(notification=OuterRef("pk"), user_id=user_id)
        marked: NotificationQuerySet = self.annotate(is_read=Exists(reads))
        return marked

    def unread(self, user_id: UUID) -> NotificationQuerySet:
        reads = NotificationRead.objects.filter(notification=OuterRef("pk"), user_id=user_id)
        return self.filter(~Exists(reads))


class Notification(BaseModel):
    """One thing worth knowing, for everybody who may see its kind, or for one person.

    `source` names its cause: the same cause is told once.
    """

    class SeverityChoice(models.TextChoices):
        INFO = Severity.INFO.value
        WARNING = Severity.WARNING.value
        CRITICAL = Severity.CRITICAL.value

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=32)
    severity = models.CharField(max_length=16, choices=SeverityChoice, default=SeverityChoice.INFO)
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=1000, blank=True)
    url = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=200)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user", "source"],
                name="accounts_notification_once",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["id", "organization"], name="accounts_notification_tenant"
            ),
            models.CheckConstraint(
                condition=Q(severity__in=[each.value for each in Severity]),
                name="accounts_notification_severity",
            ),
            models.CheckConstraint(
                condition=Q(url="") | Q(url__startswith="/"), name="accounts_notification_url"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="accounts_notification_newest"),
            models.Index(fields=["created_at"], name="accounts_notification_age"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def label(self) -> str:
        """Its kind as people say it; kinds that are no more keep their name."""
        known = KINDS.get(self.kind)
        return known.label if known else self.kind


class NotificationRead(BaseModel):
    """One person has read one notification."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="reads")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("notification", "user", name="accounts_notificationread_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} read {self.notification_id}"


class NotificationRule(BaseModel):
    """How one kind reaches one person; without a person, everybody who made no rule of their own."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=32)
    in_app = models.BooleanField()
    email = models.BooleanField()
    webhook = models.BooleanField(default=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "user", "kind"],
                name="accounts_notificationrule_once",
                nulls_distinct=False,
            ),
            # Endpoints belong to the organization: so does the choice to call them.
            models.CheckConstraint(
                condition=Q(user=None) | Q(webhook=False),
                name="accounts_notificationrule_webhook",
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class NotificationMailQuerySet(OrganizationQuerySet):
    def due(self, at: datetime) -> NotificationMailQuerySet:
        return self.filter(due_at__lte=at)


class NotificationMail(BaseModel):
    """A mail that is owed to one person; `due_at` is empty once it is sent or nobody wants it."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="mails")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    due_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)

    objects = NotificationMailQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("notification", "user", name="accounts_notificationmail_once"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="accounts_notice_mail_due",
                condition=Q(due_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} to {self.user_id}"
