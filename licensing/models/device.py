"""A device that uses a license."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class DeviceLinkQuerySet(OrganizationQuerySet):
    def active(self) -> DeviceLinkQuerySet:
        """Devices that hold a seat."""
        return self.filter(deactivated_at=None)


class DeviceLink(BaseModel):
    """One device on one license. It is kept when deactivated, and the same row comes back.

    `device_id` is what the customer's program calls the device: not secret, not unique across
    customers. What proves the device is its token, of which only a hash is stored; a dead
    token's hash stays until the next one, so that deactivating twice is answered alike.
    """

    license = models.ForeignKey("License", models.PROTECT, related_name="devices")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="devices")
    device_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    platform = models.CharField(max_length=64, blank=True)
    hostname = models.CharField(max_length=255, blank=True)
    app_version = models.CharField(max_length=64, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    token_hash = models.CharField(max_length=64, editable=False)
    activated_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, blank=True)
    deactivated_at = models.DateTimeField(null=True, blank=True)

    objects = DeviceLinkQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-activated_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["license", "device_id"], name="licensing_device_once"),
            models.UniqueConstraint(fields=["token_hash"], name="licensing_device_token"),
            models.CheckConstraint(condition=~Q(device_id=""), name="licensing_device_id"),
            models.CheckConstraint(condition=~Q(name=""), name="licensing_device_name"),
            models.CheckConstraint(
                condition=Q(token_hash__regex=r"^[0-9a-f]{64}$"),  # noqa: S106  a pattern
                name="licensing_device_token_hashed",
            ),
            models.CheckConstraint(
                condition=Q(deactivated_at=None) | Q(deactivated_at__gte=F("activated_at")),
                name="licensing_device_forward",
            ),
        ]
        indexes = [
            models.Index(
                fields=["license"], name="licensing_device_active", condition=Q(deactivated_at=None)
            ),
            models.Index(fields=["device_id"], name="licensing_device_by_id"),
            models.Index(
                fields=["organization", "-created_at", "-id"], name="licensing_device_newest"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None
