"""The inbox of the payment vendor's webhooks: stored first, applied after."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class StripeEventQuerySet(models.QuerySet["StripeEvent"]):
    def waiting(self, at: datetime) -> StripeEventQuerySet:
        """Events whose turn has come: never handled, not put off until later than `at`."""
        return self.filter(handled_at=None, next_try_at__lte=at)


class StripeEvent(models.Model):
    """One webhook under the vendor's own id, so that a second delivery is no second event."""

    event_id = models.CharField(max_length=255, primary_key=True)
    type = models.CharField(max_length=120)
    object_id = models.CharField(max_length=255, blank=True)
    created = models.DateTimeField()
    payload = models.JSONField()
    received_at = models.DateTimeField(db_default=Now())
    handled_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    next_try_at = models.DateTimeField(db_default=Now())

    objects = StripeEventQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-received_at", "event_id"]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="billing_stripeevent_waiting",
                condition=Q(handled_at=None),
            ),
            models.Index(fields=["object_id"], name="billing_stripeevent_object"),
            models.Index(fields=["-received_at"], name="billing_stripeevent_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
