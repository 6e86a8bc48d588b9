"""A license: what was bought, how many devices may use it, until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now

from accounts.models import Organization
from billing.models import Product, Subscription
from config.kit.ids import unseal
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet
from licensing.models.device import DeviceLink
from licensing.rules.transitions import LicenseStatus, SuspendedReason
from licensing.rules.validity import state

EXPIRING = timedelta(days=30)


def usable_at(at: datetime) -> Q:
    ahead = Q(expires_at=None) | Q(expires_at__gt=at)
    return ahead & Q(status=LicenseStatus.ACTIVE, starts_at__lte=at)


def expiring_at(at: datetime) -> Q:
    return usable_at(at) & Q(expires_at__lte=at + EXPIRING)


class LicenseQuerySet(OrganizationQuerySet):
    def usable(self, at: datetime) -> LicenseQuerySet:
        """Active, begun and not past its end."""
        return self.filter(usable_at(at))

    def expiring(self, at: datetime) -> LicenseQuerySet:
        """Usable now, at its end within 30 days."""
        return self.filter(expiring_at(at))

    def suspended(self) -> LicenseQuerySet:
        return self.filter(status=LicenseStatus.SUSPENDED)

    def of_closed(self) -> LicenseQuerySet:
        """Still active although their organization is closed."""
        closed = Organization.Status.CLOSED
        return self.filter(status=LicenseStatus.ACTIVE, organization__status=closed)

    def matching(self, text: str) -> LicenseQuerySet:
        """Any fragment of the product's name, the plan or the last letters of the key."""
        wanted = Q(product__name__icontains=text) | Q(plan__icontains=text)
        # Of a pasted key only the last letters are known in clear.
        ending = text.replace("-", "").replace(" ", "")[-6:]
        if ending:
            wanted |= Q(display_key__icontains=ending)
        return self.filter(wanted)

    def with_usage(self) -> LicenseQuerySet:
        """Add `seats_used`, counted from the devices themselves, for the rows that are read."""
        devices = DeviceLink.objects.active().filter(license=OuterRef("pk")).order_by()
        used = Subquery(devices.values("license").annotate(used=Count("pk")).values("used"))
        counted: LicenseQuerySet = self.annotate(seats_used=Coalesce(used, 0))
        return counted

    def unpublished(self) -> LicenseQuerySet:
        """Changed since the caches were last told."""
        return self.filter(published_version__lt=F("version"))


class License(BaseModel):
    """The right to run one product on up to `max_devices` devices.

    `version` grows by a trigger with every change of the license or its devices;
    `published_version` is the last one that the caches were told of (licensing.services.publishing).
    There is no check that active devices stay below `max_devices`: lowering the limit must be
    possible while more devices are in use.
    """

    class Status(models.TextChoices):
        ACTIVE = LicenseStatus.ACTIVE.value
        SUSPENDED = LicenseStatus.SUSPENDED.value
        EXPIRED = LicenseStatus.EXPIRED.value
        REVOKED = LicenseStatus.REVOKED.value

    class Reason(models.TextChoices):
        OPERATOR = SuspendedReason.OPERATOR.value, "By the operator"
        PAYMENT_OVERDUE = SuspendedReason.PAYMENT_OVERDUE.value, "Payment overdue"
        ABUSE = SuspendedReason.ABUSE.value, "Misuse"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="licenses")
    subscription = models.OneToOneField(
        Subscription, models.PROTECT, null=True, blank=True, related_name="license"
    )
    product = models.ForeignKey(Product, models.PROTECT, related_name="licenses")
    plan = models.CharField(max_length=80)
    key_hash = models.CharField(max_length=64, editable=False)
    key_sealed = models.BinaryField(editable=False)
    display_key = models.CharField(max_length=6, editable=False)
    max_devices = models.IntegerField()
    starts_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    suspended_reason = models.CharField(max_length=16, choices=Reason, blank=True)
    version = models.BigIntegerField(db_default=1, editable=False)
    published_version = models.BigIntegerField(db_default=0, editable=False)
    last_validated_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = LicenseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["key_hash"], name="licensing_license_key"),
            # What a device's (license, organization) points at, so that both are the same tenant's.
            models.UniqueConstraint(fields=["id", "organization"], name="licensing_license_tenant"),
            models.CheckConstraint(
                condition=Q(key_hash__regex=r"^[0-9a-f]{64}$"), name="licensing_license_key_hashed"
            ),
            models.CheckConstraint(
                condition=Q(display_key__regex=r"^[0-9A-Z]{6}$"), name="licensing_license_display"
            ),
            models.CheckConstraint(
                condition=Q(max_devices__gte=1), name="licensing_license_max_devices"
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gte=F("starts_at")),
                name="licensing_license_forward",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in LicenseStatus]),
                name="licensing_license_status",
            ),
            models.CheckConstraint(
                condition=Q(
                    status=LicenseStatus.SUSPENDED.value,
                    suspended_reason__in=[reason.value for reason in SuspendedReason],
                )
                | (~Q(status=LicenseStatus.SUSPENDED.value) & Q(suspended_reason="")),
                name="licensing_license_suspended_reason",
            ),
            models.CheckConstraint(
                condition=Q(published_version__lte=F("version")), name="licensing_license_published"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "-created_at", "-id"], name="licensing_license_newest"
            ),
            models.Index(fields=["organization", "status"], name="licensing_license_of_org"),
            models.Index(fields=["status"], name="licensing_license_by_status"),
            models.Index(
                fields=["organization", "expires_at"],
                name="licensing_license_expiring",
                condition=Q(expires_at__isnull=False),
            ),
            models.Index(
                fields=["id"],
                name="licensing_license_unpublished",
                condition=Q(published_version__lt=F("version")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.masked_key}"

    @property
    def masked_key(self) -> str:
        return f"SWY-\u2026{self.display_key[:1]}-{self.display_key[1:]}"

    @property
    def renews_at(self) -> datetime | None:
        """When its subscription goes on by itself; None when it has an end, or is over."""
        subscription = self.subscription
        if subscription is None or self.expires_at is not None or not subscription.is_running:
            return None
        return subscription.current_period_end

    @property
    def key(self) -> str:
        """The key in clear. Whoever shows it records that (licensing.services.licenses.reveal_key)."""
        return unseal(bytes(self.key_sealed))

    def state(self, at: datetime) -> str:
        return state(self.status, self.starts_at, self.expires_at, at)
