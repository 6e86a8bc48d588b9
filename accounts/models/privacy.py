"""Copies of data that people take with them, and looks of staff at the site as a customer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models.organization import Organization
from config.kit.models import BaseModel


class DataExportQuerySet(models.QuerySet["DataExport"]):
    def copies(self) -> DataExportQuerySet:
        """Narrow to copies of everything."""
        return self.filter(list_path="")

    def lists(self) -> DataExportQuerySet:
        """Narrow to rows of one list each."""
        return self.exclude(list_path="")

    def due(self, at: datetime) -> DataExportQuerySet:
        """Narrow to what is to be made, and is in no worker's hands."""
        unclaimed = Q(claimed_until=None) | Q(claimed_until__lte=at)
        return self.filter(unclaimed, status=DataExport.Status.WAITING)

    def within_reach(self, user: Any, organization: Organization | None) -> DataExportQuerySet:
        """Narrow to the person's own, and to the organization's copies, whoever asked for them."""
        own = Q(user=user, organization=None) | Q(user=user, organization=organization)
        return self.filter(
            own | Q(organization__isnull=False, organization=organization, list_path="")
        )


class DataExport(BaseModel):
    """A zip of everything kept about a person, or about an organization, or of one list; it expires.

    Without an organization it is about the person who asked for it. With a `list_path` it holds the
    rows that the list at this address (`list_query`: filters and order) shows this person. Until
    `claimed_until` a worker is making it.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        FAILED = "failed"
        EXPIRED = "expired"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="data_exports")
    organization = models.ForeignKey(
        Organization, models.CASCADE, null=True, related_name="data_exports"
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    list_name = models.CharField(max_length=60, default="", db_default="")
    list_path = models.CharField(max_length=200, default="", db_default="")
    list_query = models.CharField(max_length=2000, default="", db_default="")
    size = models.BigIntegerField(default=0)
    row_count = models.BigIntegerField(null=True)
    failure = models.CharField(max_length=200, default="", db_default="")
    claimed_until = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects = DataExportQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints = [
            # A second request while the first is being made is the first.
            models.UniqueConstraint(
                "user", "organization", "list_path", "list_query", condition=Q(status="waiting"),
                nulls_distinct=False, name="accounts_dataexport_waiting",
            ),
            models.CheckConstraint(
                condition=Q(list_name="", list_path="", list_query="")
                | ~(Q(list_name="") | Q(list_path="")),
                name="accounts_dataexport_list",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "ready", "failed", "expired"]),
                name="accounts_dataexport_status",
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | Q(ready_at__isnull=False, expires_at__isnull=False),
                name="accounts_dataexport_ready",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"data export {self.pk}"

    @property
    def path(self) -> str:
        """Where the file is kept, below the root of the private storage."""
        return f"exports/{self.pk}.zip"

    def is_ready(self, at: datetime) -> bool:
        ready = self.status == self.Status.READY
        return ready and self.expires_at is not None and at < self.expires_at


class Impersonation(BaseModel):
    """A member of staff who looks at the customer site as one of its people, for a reason."""

    staff = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    reason = models.CharField(max_length=300)
    started_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="accounts_impersonation_reason"),
            models.CheckConstraint(
                condition=~Q(staff=F("user")), name="accounts_impersonation_other"
            ),
            models.CheckConstraint(
                condition=Q(started_at=None, expires_at=None)
                | Q(started_at__isnull=False, expires_at__gt=F("started_at")),
                name="accounts_impersonation_span",
            ),
        ]

    def __str__(self) -> str:
        return f"look as {self.user_id}"

    def is_live(self, at: datetime) -> bool:
        return self.ended_at is None and self.expires_at is not None and at < self.expires_at

    def minutes_left(self, at: datetime) -> int:
        """Return the minutes until it ends by itself, the begun one counted."""
        left = (self.expires_at - at).total_seconds() if self.expires_at else 0.0
        return max(0, -(-int(left) // 60))
