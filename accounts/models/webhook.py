"""Outgoing webhooks: where to, what happened, and every try to tell."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models.organization import Organization
from accounts.rules.deliveries import DeliveryStatus, EndpointStatus
from accounts.rules.event_types import API_VERSION, matches
from config.kit.ids import unseal
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class WebhookEndpointQuerySet(OrganizationQuerySet):
    def for_organization(self, organization: models.Model | UUID) -> Self:
        """An endpoint that was deleted is unknown, also while its record is being cleared away."""
        return super().for_organization(organization).kept()

    def kept(self) -> Self:
        return self.filter(deleted_at=None)

    def deleted(self) -> Self:
        return self.filter(deleted_at__isnull=False)

    def enabled(self) -> WebhookEndpointQuerySet:
        return self.filter(status=EndpointStatus.ENABLED)


class WebhookEndpoint(BaseModel):
    """An address of the customer's that is told of events.

    While `former_secret_expires_at` is ahead, messages carry a signature of either secret.
    `failure_streak` counts tries that failed since the last that did not, at `failing_since`.
    Since `deleted_at` nobody finds it any more; the row waits until its record is cleared away.
    """

    class Status(models.TextChoices):
        ENABLED = EndpointStatus.ENABLED.value
        DISABLED = EndpointStatus.DISABLED.value
        AUTO_DISABLED = EndpointStatus.AUTO_DISABLED.value, "Disabled by us"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    url = models.CharField(max_length=2048)
    description = models.CharField(max_length=200, blank=True)
    event_types = ArrayField(models.CharField(max_length=80))
    secret_sealed = models.BinaryField(editable=False)
    former_secret_sealed = models.BinaryField(null=True, editable=False)
    former_secret_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.ENABLED)
    disabled_reason = models.CharField(max_length=200, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    api_version = models.CharField(max_length=16, default=API_VERSION, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failure_streak = models.PositiveIntegerField(default=0, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["id", "organization"], name="accounts_webhookendpoint_tenant"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in EndpointStatus]),
                name="accounts_webhookendpoint_status",
            ),
            models.CheckConstraint(
                condition=Q(status=EndpointStatus.ENABLED.value, disabled_at=None)
                | (~Q(status=EndpointStatus.ENABLED.value) & Q(disabled_at__isnull=False)),
                name="accounts_webhookendpoint_disabled",
            ),
            models.CheckConstraint(
                condition=Q(event_types__len__gte=1), name="accounts_webhookendpoint_types"
            ),
            models.CheckConstraint(
                condition=Q(former_secret_sealed=None, former_secret_expires_at=None)
                | Q(former_secret_sealed__isnull=False, former_secret_expires_at__isnull=False),
                name="accounts_webhookendpoint_former",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None)
                | Q(status=EndpointStatus.DISABLED.value, former_secret_sealed=None),
                name="accounts_webhookendpoint_deleted",
            ),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="accounts_endpoint_newest")]

    def __str__(self) -> str:
        return self.url

    @property
    def is_enabled(self) -> bool:
        return self.status == self.Status.ENABLED

    def wants(self, event_type: str) -> bool:
        return matches(self.event_types, event_type)

    def secrets(self, at: datetime) -> list[str]:
        """Return the secrets to sign with at `at`, the current one first."""
        expires_at = self.former_secret_expires_at
        sealed = [self.secret_sealed]
        if self.former_secret_sealed is not None and expires_at is not None and at < expires_at:
            sealed.append(self.former_secret_sealed)
        return [unseal(bytes(each)) for each in sealed]


class WebhookEvent(BaseModel):
    """Something that happened, written once with its cause. The database refuses changes."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    type = models.CharField(max_length=80)
    payload = models.JSONField()

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["id", "organization"], name="accounts_webhookevent_tenant"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="accounts_event_newest"),
            models.Index(fields=["created_at"], name="accounts_event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class WebhookDeliveryQuerySet(OrganizationQuerySet):
    def kept(self) -> Self:
        """Not of an endpoint that was deleted."""
        return self.filter(endpoint__deleted_at=None)

    def due(self, at: datetime) -> WebhookDeliveryQuerySet:
        """Waiting, their time has come, and in nobody's hands."""
        free = Q(lease_until=None) | Q(lease_until__lte=at)
        return self.filter(free, status=DeliveryStatus.PENDING, next_attempt_at__lte=at)

    def in_flight(self, at: datetime) -> WebhookDeliveryQuerySet:
        return self.filter(status=DeliveryStatus.PENDING, lease_until__gt=at)

    def unsuccessful(self) -> WebhookDeliveryQuerySet:
        return self.filter(status__in=[DeliveryStatus.FAILED, DeliveryStatus.ABANDONED])


class WebhookDelivery(BaseModel):
    """One event for one endpoint. What the last try met stands here, each try in its own row.

    `attempts` only grows; `tries` is the place in the schedule, which a replay begins anew.
    """

    class Status(models.TextChoices):
        PENDING = DeliveryStatus.PENDING.value
        SUCCEEDED = DeliveryStatus.SUCCEEDED.value
        FAILED = DeliveryStatus.FAILED.value
        ABANDONED = DeliveryStatus.ABANDONED.value

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint("event", "endpoint", name="accounts_webhookdelivery_once"),
            models.UniqueConstraint(
                fields=["id", "organization"], name="accounts_webhookdelivery_tenant"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in DeliveryStatus]),
                name="accounts_webhookdelivery_status",
            ),
            models.CheckConstraint(
                condition=Q(status=DeliveryStatus.PENDING.value, next_attempt_at__isnull=False)
                | (~Q(status=DeliveryStatus.PENDING.value) & Q(next_attempt_at=None)),
                name="accounts_webhookdelivery_waits",
            ),
            models.CheckConstraint(
                condition=Q(tries__lte=F("attempts")), name="accounts_webhookdelivery_tries"
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="accounts_delivery_of_endpoint"),
            models.Index(fields=["organization", "-id"], name="accounts_delivery_newest"),
            models.Index(
                fields=["next_attempt_at"],
                name="accounts_delivery_due",
                condition=Q(status="pending"),
            ),
            models.Index(
                fields=["endpoint", "lease_until"],
                name="accounts_delivery_leased",
                condition=Q(status="pending"),
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class WebhookAttempt(BaseModel):
    """One try: what was sent is the event, what came back is here. Unfinished: its worker died."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="log")
    number = models.PositiveIntegerField()
    finished_at = models.DateTimeField(null=True, blank=True)
    request_headers = models.JSONField(default=dict)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=200, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints = [
            models.UniqueConstraint("delivery", "number", name="accounts_webhookattempt_once"),
        ]

    def __str__(self) -> str:
        return f"try {self.number}"
