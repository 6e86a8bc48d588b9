"""What a person did, in order: the short memory behind their page in the back office."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.user import User
from config.kit.ids import uuid7


class UserActivity(models.Model):
    """One business event that a person caused. Written by `accounts.services.audit` alone.

    The audit trail is the record; this is what may be counted, shown and forgotten.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="activity")
    action = models.CharField(max_length=100)
    data = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        verbose_name_plural = "user activity"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="accounts_useractivity_recent"),
            models.Index(fields=["created_at"], name="accounts_useractivity_at"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(action=""), name="accounts_useractivity_action"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.action}"
