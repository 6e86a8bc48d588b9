"""API calls and their hourly sums: views over the time series of accounts/migrations/0012."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.api_key import ApiKey
from accounts.models.organization import Organization
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class CallFacts(models.Model):
    """One request to a customer's product or to our own API, made with one of their keys."""

    id = models.UUIDField(primary_key=True)
    called_at = models.DateTimeField()
    organization = models.ForeignKey(
        Organization, models.DO_NOTHING, related_name="+", db_constraint=False
    )
    api_key = models.ForeignKey(ApiKey, models.DO_NOTHING, related_name="+", db_constraint=False)
    product = models.TextField()
    endpoint = models.TextField()
    method = models.TextField()
    status_code = models.SmallIntegerField()
    latency_ms = models.IntegerField()
    outcome = models.TextField()
    request_body = models.TextField(null=True)
    response_body = models.TextField(null=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint} {self.status_code}"

    @property
    def is_error(self) -> bool:
        return self.status_code >= 400 or self.outcome != "VALID"


class ApiCall(CallFacts):
    """What an organization sees of its calls: the view filters by the current organization."""

    class Meta:
        managed = False
        db_table = "api_calls"
        ordering: ClassVar[list[str]] = ["-called_at", "-id"]
        verbose_name = "API call"


class StoredCall(CallFacts):
    """The raw table, for workers and the back office; the app role cannot read it."""

    class Meta:
        managed = False
        db_table = 'series"."api_calls'
        ordering: ClassVar[list[str]] = ["-called_at", "-id"]
        verbose_name = "API call"


class HourFacts(models.Model):
    """Sums of one hour, key, product, endpoint and latency bucket (accounts.rules.latency).

    `billable` counts calls whose outcome is VALID; `latency_ms` is a sum.
    """

    pk = models.CompositePrimaryKey(
        "organization_id", "hour", "api_key_id", "product", "endpoint", "latency_bucket"
    )
    hour = models.DateTimeField()
    organization_id = models.UUIDField()
    api_key_id = models.UUIDField()
    product = models.TextField()
    endpoint = models.TextField()
    latency_bucket = models.SmallIntegerField()
    requests = models.BigIntegerField()
    errors = models.BigIntegerField()
    billable = models.BigIntegerField()
    latency_ms = models.BigIntegerField()

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        abstract = True


class HourlyCalls(HourFacts):
    """An organization's own hours, through the view."""

    class Meta:
        managed = False
        db_table = "api_calls_hourly"

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00} {self.endpoint}"


class StoredHour(HourFacts):
    """Every organization's hours, for metering; the app role cannot read them."""

    class Meta:
        managed = False
        db_table = 'series"."api_calls_hourly'

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00} {self.endpoint}"


class CallRecording(BaseModel):
    """What an organization wants kept of its calls beside the facts: no row means no bodies."""

    organization = models.OneToOneField(Organization, models.CASCADE, related_name="call_recording")
    keeps_bodies = models.BooleanField(default=False)

    objects = OrganizationQuerySet.as_manager()

    def __str__(self) -> str:
        return "bodies kept" if self.keeps_bodies else "no bodies"
