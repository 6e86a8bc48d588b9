"""What desktop clients report when they synchronize."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.user import User
from config.kit.ids import uuid7

MOST_BYTES = 8192
"""Of one event's data, as PostgreSQL writes it."""


class SyncLog(models.Model):
    """One event of a person's client, stored once however often it is sent.

    Personal: shown to that person and to staff, never to other members.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="sync_logs")
    event_id = models.CharField(max_length=64)
    event_type = models.CharField(max_length=64)
    event_source = models.CharField(max_length=64)
    data = models.JSONField(null=True, blank=True)
    client_ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=400, blank=True)
    success = models.BooleanField(default=True)
    error_message = models.CharField(max_length=1000, null=True, blank=True)
    occurred_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "event_id"], name="accounts_synclog_once"),
            models.CheckConstraint(
                condition=~Q(event_type="") & ~Q(event_source="") & ~Q(event_id=""),
                name="accounts_synclog_named",
            ),
            models.CheckConstraint(
                condition=Q(success=True, error_message=None) | Q(success=False),
                name="accounts_synclog_error",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="accounts_synclog_recent"),
            models.Index(fields=["created_at"], name="accounts_synclog_at"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} of {self.user_id}"
