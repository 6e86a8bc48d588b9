"""Trial workspaces: a product for some days without paying, and the keys made for it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from accounts.models import ApiKey, Organization
from billing.models import Product, Subscription
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet
from licensing.models.license import License
from licensing.rules.trials import TrialStatus, TrialTier, may_still_convert


class TrialWorkspaceQuerySet(OrganizationQuerySet):
    def active(self) -> TrialWorkspaceQuerySet:
        return self.filter(status=TrialStatus.ACTIVE)

    def overdue(self, at: datetime) -> TrialWorkspaceQuerySet:
        """Active by their status, over by the clock."""
        return self.filter(status=TrialStatus.ACTIVE, expires_at__lte=at)

    def unprovided(self) -> TrialWorkspaceQuerySet:
        """Active trials of a license product that have no license yet."""
        return self.active().filter(product__kind=Product.Kind.LICENSE, license=None)

    def unsettled(self) -> TrialWorkspaceQuerySet:
        """Cancelled while their license still runs."""
        return self.filter(
            status=TrialStatus.CANCELLED,
            license__status__in=(License.Status.ACTIVE, License.Status.SUSPENDED),
        )

    def unlimited(self) -> TrialWorkspaceQuerySet:
        """Of APIs, moved since their limits were settled: these follow, if the nudge was lost."""
        return self.filter(product__kind=Product.Kind.API, limits_settled_at=None)


class TrialWorkspace(BaseModel):
    """One organization's one trial of one product.

    Its keys and its license carry the same `expires_at`, so that both stop to the second whether
    or not a worker is awake; `status` follows within a minute. `mail_domain` keeps a company from
    trying again with a second organization; staff leave it empty. Whoever moves the trial of an
    API clears `limits_settled_at`.
    """

    class Status(models.TextChoices):
        ACTIVE = TrialStatus.ACTIVE.value
        EXPIRED = TrialStatus.EXPIRED.value
        CONVERTED = TrialStatus.CONVERTED.value
        CANCELLED = TrialStatus.CANCELLED.value

    class Tier(models.TextChoices):
        STANDARD = TrialTier.STANDARD.value
        ENTERPRISE = TrialTier.ENTERPRISE.value

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="trials")
    product = models.ForeignKey(Product, models.PROTECT, related_name="trials")
    name = models.CharField(max_length=120)
    slug = models.CharField(max_length=63)
    tier = models.CharField(max_length=16, choices=Tier, default=Tier.STANDARD)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    expires_at = models.DateTimeField()
    converted_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    limits_settled_at = models.DateTimeField(null=True, editable=False)
    mail_domain = models.CharField(max_length=253, blank=True, editable=False)
    license = models.OneToOneField(
        License, models.PROTECT, null=True, blank=True, related_name="trial"
    )
    subscription = models.OneToOneField(
        Subscription, models.PROTECT, null=True, blank=True, related_name="trial"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False
    )

    objects = TrialWorkspaceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "product"], name="licensing_trialworkspace_once"
            ),
            models.UniqueConstraint(
                fields=["product", "mail_domain"],
                condition=~Q(mail_domain=""),
                name="licensing_trialworkspace_domain",
            ),
            models.UniqueConstraint(fields=["slug"], name="licensing_trialworkspace_slug"),
            models.UniqueConstraint(
                fields=["id", "organization"], name="licensing_trialworkspace_tenant"
            ),
            models.CheckConstraint(
                condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"),
                name="licensing_trialworkspace_slug_format",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="licensing_trialworkspace_name"),
            models.CheckConstraint(
                condition=Q(tier__in=["standard", "enterprise"]),
                name="licensing_trialworkspace_tier",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")),
                name="licensing_trialworkspace_forward",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "expired"], converted_at=None, cancelled_at=None)
                | Q(status="converted", converted_at__isnull=False, cancelled_at=None)
                | Q(status="cancelled", converted_at=None, cancelled_at__isnull=False),
                name="licensing_trialworkspace_status",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-created_at"], name="licensing_trial_of_org"),
            models.Index(
                fields=["expires_at"],
                condition=Q(status="active"),
                name="licensing_trial_due",
            ),
            models.Index(fields=["status"], name="licensing_trial_by_status"),
            models.Index(
                fields=["product"],
                condition=Q(limits_settled_at=None),
                name="licensing_trial_unlimited",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})"

    def state(self, at: datetime) -> str:
        """Return the status as people see it: a passed end counts before the worker has seen it."""
        if self.status == self.Status.ACTIVE and self.expires_at <= at:
            return self.Status.EXPIRED.value
        return self.status

    def may_convert(self, at: datetime) -> bool:
        return may_still_convert(self.state(at), self.expires_at, at)


class TrialApiKeyQuerySet(OrganizationQuerySet):
    def ends_since(self, moment: datetime) -> dict[UUID, tuple[datetime, str]]:
        """Return until when each key was or is for trying which API; its name is empty for all.

        Trials that were over by `moment` are left out, and those of anything but an API.
        """
        ends = Coalesce("workspace__converted_at", "workspace__expires_at")
        rows = self.filter(workspace__product__kind=Product.Kind.API)
        rows = rows.annotate(trial_ends_at=ends).filter(trial_ends_at__gt=moment)
        name = "workspace__product__grants__product"
        facts = rows.values_list("api_key_id", "trial_ends_at", name)
        return {key: (ends_at, product or "") for key, ends_at, product in facts}


class TrialApiKey(BaseModel):
    """An API key that belongs to a trial and ends with it."""

    workspace = models.ForeignKey(TrialWorkspace, models.PROTECT, related_name="keys")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    api_key = models.OneToOneField(ApiKey, models.PROTECT, related_name="trial_key")

    objects = TrialApiKeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["created_at", "id"]

    def __str__(self) -> str:
        return str(self.api_key)
