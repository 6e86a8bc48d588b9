"""Answers kept under the caller's Idempotency-Key, so that a repeated POST acts once."""

from __future__ import annotations

from django.db import models

from accounts.models.organization import Organization
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class IdempotencyRecord(BaseModel):
    """One key of one organization: what was asked (a hash) and, once done, what was answered."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(default=bytes)
    content_type = models.CharField(max_length=80, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("organization", "key", name="accounts_idempotency_once"),
        ]
        indexes = [models.Index("created_at", name="accounts_idempotency_age")]

    def __str__(self) -> str:
        return self.key
