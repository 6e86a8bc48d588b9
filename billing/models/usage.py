"""Metered use: what was used in which hour and what it costs, and quotas nearly used up."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from billing.models.checks import currency_code, earlier
from config.kit.models import BaseModel, CurrencyField
from config.kit.tenancy import OrganizationQuerySet


class UsageRecord(BaseModel):
    """Use of one product in one period; append-only by the database.

    `product` is a name of the catalogue. Calls that name another one or none are booked together,
    under the empty one.
    What arrives late is a correction: a record of its own with the difference, which may be
    negative. `source_key` names what was counted and is unique, so nothing is booked twice.
    `total_cost` is exact: a rate of four decimals for a thousand gives seven for each.
    """

    class Feature(models.TextChoices):
        API_CALLS = "api_calls", "API calls"
        TRIAL_CALLS = "trial_calls", "API calls of a trial"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="usage_records")
    feature_type = models.CharField(max_length=32, choices=Feature)
    product = models.CharField(max_length=80, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    request_count = models.BigIntegerField()
    total_tokens = models.BigIntegerField(default=0)
    rate_per_thousand = models.DecimalField(max_digits=12, decimal_places=4, default=0)
    total_cost = models.DecimalField(max_digits=22, decimal_places=7)
    currency = CurrencyField()
    source_key = models.CharField(max_length=200)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-period_start", "-id"]
        constraints = [
            models.UniqueConstraint("source_key", name="billing_usagerecord_source"),
            models.CheckConstraint(
                condition=Q(feature_type__in=["api_calls", "trial_calls"]),
                name="billing_usagerecord_feature",
            ),
            models.CheckConstraint(
                condition=Q(rate_per_thousand__gte=0)
                & Q(total_cost=F("request_count") * F("rate_per_thousand") / 1000),
                name="billing_usagerecord_cost",
            ),
            earlier("period_start", "period_end", "billing_usagerecord_period"),
            currency_code("billing_usagerecord_currency"),
        ]
        indexes = [
            models.Index(fields=["organization", "period_start"], name="billing_usagerecord_month"),
            models.Index(fields=["feature_type", "period_start"], name="billing_usagerecord_when"),
        ]

    def __str__(self) -> str:
        return f"{self.request_count} {self.get_feature_type_display()} {self.product}".strip()

    @property
    def is_correction(self) -> bool:
        return not self.source_key.endswith("/0")


class QuotaAlert(BaseModel):
    """A quota of which 80 or 100 percent were used: one row, and one telling, a month and mark.

    One that grows or shrinks within its month is another quota, with marks of its own.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="quota_alerts")
    product = models.CharField(max_length=80, blank=True)
    month = models.DateField()
    percent = models.PositiveSmallIntegerField()
    used = models.BigIntegerField()
    quota = models.BigIntegerField()

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-month", "-percent"]
        constraints = [
            models.UniqueConstraint(
                "organization",
                "product",
                "month",
                "percent",
                "quota",
                name="billing_quotaalert_once",
            ),
            models.CheckConstraint(
                condition=Q(percent__in=[80, 100]), name="billing_quotaalert_percent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.product or 'all products'}, {self.month:%Y-%m}"
