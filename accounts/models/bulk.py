"""Bulk actions that are too long for a request: the job, and what came of each of its items."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models.organization import Organization
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class BulkJobQuerySet(OrganizationQuerySet):
    def unfinished(self) -> BulkJobQuerySet:
        return self.exclude(status=BulkJob.Status.DONE)

    def due(self, at: datetime) -> BulkJobQuerySet:
        """Unfinished, and in nobody's hands."""
        free = Q(claimed_until=None) | Q(claimed_until__lte=at)
        return self.unfinished().filter(free)


class BulkJob(BaseModel):
    """One action on many things, done in the background as the person who asked for it last.

    `asked_at` is when that was. `once` is the number of the page that was confirmed: the same page
    sent again finds the job it made. `failed` counts once the job is done. Until `claimed_until` a
    worker is at it.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    action = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    total = models.PositiveIntegerField()
    failed = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    once = models.UUIDField(default=uuid4, editable=False)
    asked_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["id", "organization"], name="accounts_bulkjob_tenant"),
            models.UniqueConstraint(fields=["organization", "once"], name="accounts_bulkjob_once"),
            models.CheckConstraint(condition=~Q(action=""), name="accounts_bulkjob_action"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "running", "done"]),
                name="accounts_bulkjob_status",
            ),
            models.CheckConstraint(
                condition=Q(total__gte=1, failed__lte=F("total")), name="accounts_bulkjob_counts"
            ),
            models.CheckConstraint(
                condition=Q(status="done", finished_at__isnull=False, claimed_until=None)
                | ~Q(status="done") & Q(finished_at=None, failed=0),
                name="accounts_bulkjob_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="accounts_bulkjob_newest"),
            models.Index(
                fields=["asked_at"], name="accounts_bulkjob_due", condition=~Q(status="done")
            ),
            models.Index(
                fields=["finished_at"], name="accounts_bulkjob_age", condition=Q(status="done")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} of {self.total}"

    @property
    def is_done(self) -> bool:
        return self.status == self.Status.DONE

    @property
    def is_under_way(self) -> bool:
        return not self.is_done


class BulkItemQuerySet(OrganizationQuerySet):
    def waiting(self) -> BulkItemQuerySet:
        return self.filter(status=BulkItem.Status.WAITING)

    def failed(self) -> BulkItemQuerySet:
        return self.filter(status=BulkItem.Status.FAILED)


class BulkItem(BaseModel):
    """One thing of a job, by the name it had, and what came of it. Done is done: it stays so."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    job = models.ForeignKey(BulkJob, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    target_id = models.UUIDField()
    label = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True)

    objects = BulkItemQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints = [
            models.UniqueConstraint("job", "target_id", name="accounts_bulkitem_once"),
            models.UniqueConstraint("job", "position", name="accounts_bulkitem_place"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "done", "failed"]),
                name="accounts_bulkitem_status",
            ),
            models.CheckConstraint(
                condition=Q(status="waiting", finished_at=None)
                | ~Q(status="waiting") & Q(finished_at__isnull=False),
                name="accounts_bulkitem_finished",
            ),
            models.CheckConstraint(
                condition=Q(status="failed") & ~Q(error_code="")
                | ~Q(status="failed") & Q(error_code="", error=""),
                name="accounts_bulkitem_error",
            ),
        ]
        indexes = [
            # The next one is found at once, however many are done already.
            models.Index(
                fields=["job", "position"],
                name="accounts_bulkitem_next",
                condition=Q(status="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return self.label or str(self.target_id)
