"""API keys: what an organization's programs prove themselves with. Only a keyed hash is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models.organization import Organization
from accounts.rules.keys import masked
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet

NEGLECTED = timedelta(days=90)


class ApiKeyQuerySet(OrganizationQuerySet):
    def usable(self, at: datetime) -> ApiKeyQuerySet:
        """Active, switched on, neither expired nor replaced."""
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=at),
            Q(overlap_ends_at=None) | Q(overlap_ends_at__gt=at),
            status=ApiKey.Status.ACTIVE,
            is_active=True,
        )

    def revoked(self) -> ApiKeyQuerySet:
        return self.filter(status=ApiKey.Status.REVOKED)

    def pending(self) -> ApiKeyQuerySet:
        return self.filter(status=ApiKey.Status.PENDING_VERIFICATION)

    def neglected(self, at: datetime) -> ApiKeyQuerySet:
        """Usable, but not used for 90 days."""
        ago = at - NEGLECTED
        return self.usable(at).filter(
            Q(last_used_at__lt=ago) | Q(last_used_at=None, created_at__lt=ago)
        )

    def matching(self, text: str) -> ApiKeyQuerySet:
        """Any fragment of the name or reference, or what a key begins or ends with."""
        public = text.removeprefix("sw_live_").removeprefix("sw_test_")[:8]
        wanted = Q(name__icontains=text) | Q(external_id__icontains=text) | Q(last4=text[-4:])
        return self.filter(wanted | Q(public_id__startswith=public)) if public else self

    def replaced(self, at: datetime) -> ApiKeyQuerySet:
        """Rotated, and the time in which both keys worked is over."""
        return self.filter(overlap_ends_at__lte=at).exclude(status=ApiKey.Status.REVOKED)

    def unpublished(self) -> ApiKeyQuerySet:
        """Changed since the caches were last told."""
        return self.filter(published_version__lt=F("version"))


class ApiKey(BaseModel):
    """A credential of one organization.

    `version` grows by a trigger with every change that matters to a check, also with the
    organization's standing and limits; `published_version` is the last one the caches were told
    of (accounts.services.keys.publishing). `usage_count` and what was last used are counted in
    Redis and written every few seconds.
    """

    class Environment(models.TextChoices):
        LIVE = "live"
        TEST = "test"

    class Status(models.TextChoices):
        PENDING_VERIFICATION = "pending_verification", "Waiting for confirmation"
        ACTIVE = "active"
        REVOKED = "revoked"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="api_keys")
    key_hash = models.CharField(max_length=64, editable=False)
    pepper_version = models.PositiveSmallIntegerField(default=1, editable=False)
    public_id = models.CharField(max_length=8, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    environment = models.CharField(max_length=4, choices=Environment, default=Environment.LIVE)
    name = models.CharField(max_length=100)
    description = models.TextField(max_length=500, blank=True)
    scopes = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    tier = models.CharField(
        max_length=16, choices=Organization.Tier, default=Organization.Tier.FREE
    )
    status = models.CharField(max_length=24, choices=Status, default=Status.ACTIVE)
    is_active = models.BooleanField(default=True)
    # Why staff switched it off; while it stands only staff switch it on.
    held_reason = models.CharField(max_length=200, blank=True, db_default="", editable=False)
    allowed_cidrs = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)
    usage_count = models.BigIntegerField(db_default=0, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_reason = models.CharField(max_length=200, blank=True, editable=False)
    rotated_to = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="rotated_from", editable=False
    )
    overlap_ends_at = models.DateTimeField(null=True, blank=True, editable=False)
    external_id = models.CharField(max_length=255, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False
    )
    version = models.BigIntegerField(db_default=1, editable=False)
    published_version = models.BigIntegerField(db_default=0, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        verbose_name = "API key"
        constraints = [
            models.UniqueConstraint(fields=["key_hash"], name="accounts_apikey_hash"),
            models.UniqueConstraint(fields=["public_id"], name="accounts_apikey_public"),
            # What another row's (key, organization) points at, so that both are the same tenant's.
            models.UniqueConstraint(fields=["id", "organization"], name="accounts_apikey_tenant"),
            models.CheckConstraint(
                condition=Q(key_hash__regex=r"^[0-9a-f]{64}$"), name="accounts_apikey_hashed"
            ),
            models.CheckConstraint(
                condition=Q(public_id__regex=r"^[0-9A-Za-z]{8}$", last4__regex=r"^[0-9A-Za-z]{4}$"),
                name="accounts_apikey_shown",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="accounts_apikey_name"),
            models.CheckConstraint(
                condition=Q(environment__in=["live", "test"]), name="accounts_apikey_environment"
            ),
            models.CheckConstraint(
                condition=Q(tier__in=["free", "pro", "enterprise"]), name="accounts_apikey_tier"
            ),
            models.CheckConstraint(
                condition=Q(status="revoked", revoked_at__isnull=False)
                | Q(status__in=["pending_verification", "active"], revoked_at=None),
                name="accounts_apikey_status",
            ),
            models.CheckConstraint(
                condition=Q(held_reason="") | Q(is_active=False), name="accounts_apikey_held"
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("created_at")),
                name="accounts_apikey_valid_expiry",
            ),
            models.CheckConstraint(
                condition=Q(rotated_to=None, overlap_ends_at=None)
                | Q(rotated_to__isnull=False, overlap_ends_at__isnull=False),
                name="accounts_apikey_overlap",
            ),
            models.CheckConstraint(
                condition=Q(usage_count__gte=0), name="accounts_apikey_usage_count"
            ),
            models.CheckConstraint(
                condition=Q(published_version__lte=F("version")), name="accounts_apikey_published"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "-created_at", "-id"], name="accounts_apikey_newest"
            ),
            models.Index(
                fields=["organization"],
                name="accounts_apikey_active",
                condition=Q(is_active=True, status="active"),
            ),
            models.Index(
                fields=["expires_at"],
                name="accounts_apikey_expires",
                condition=Q(expires_at__isnull=False),
            ),
            models.Index(
                fields=["overlap_ends_at"],
                name="accounts_apikey_overlaps",
                condition=Q(overlap_ends_at__isnull=False) & ~Q(status="revoked"),
            ),
            models.Index(
                fields=["id"],
                name="accounts_apikey_unpublished",
                condition=Q(published_version__lt=F("version")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.masked_key}"

    @property
    def masked_key(self) -> str:
        return masked(self.environment, self.public_id, self.last4)

    @property
    def prefix(self) -> str:
        return f"sw_{self.environment}_{self.public_id}"

    @property
    def is_revoked(self) -> bool:
        return self.status == self.Status.REVOKED

    def state(self, at: datetime) -> str:
        """Return revoked, disabled, pending, expired, rotated (both keys still work) or active."""
        if self.is_revoked or (self.overlap_ends_at and self.overlap_ends_at <= at):
            return "revoked"
        if not self.is_active:
            return "disabled"
        if self.status == self.Status.PENDING_VERIFICATION:
            return "pending"
        if self.expires_at and self.expires_at <= at:
            return "expired"
        return "rotated" if self.overlap_ends_at else "active"

    def is_neglected(self, at: datetime) -> bool:
        """True when it works and nobody has used it for 90 days."""
        works = self.state(at) in ("active", "rotated")
        return works and (self.last_used_at or self.created_at) < at - NEGLECTED


class ApiAllowance(BaseModel):
    """What an organization has bought for its API use: of one product, or of all (empty slug).

    Billing writes it when such a subscription begins or ends; it stands here, below billing,
    because every check of a key asks for it. `bought_tier` and `bought_per_minute` say what was
    bought while a trial gives more: keys of a lower tier than the trial's have no less.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="api_allowances")
    product = models.CharField(max_length=80, blank=True)
    tier = models.CharField(max_length=16, choices=Organization.Tier)
    requests_per_minute = models.PositiveIntegerField()
    monthly_quota = models.BigIntegerField(null=True, blank=True)
    bought_tier = models.CharField(
        max_length=16, choices=Organization.Tier, blank=True, db_default=""
    )
    bought_per_minute = models.PositiveIntegerField(null=True, blank=True)
    since = models.DateTimeField(db_default=Now())

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        verbose_name = "API allowance"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "product"], name="accounts_apiallowance_once"
            ),
            models.CheckConstraint(
                condition=Q(tier__in=["free", "pro", "enterprise"]),
                name="accounts_apiallowance_tier",
            ),
            models.CheckConstraint(
                condition=Q(requests_per_minute__gte=1)
                & (Q(monthly_quota=None) | Q(monthly_quota__gte=0)),
                name="accounts_apiallowance_limits",
            ),
            models.CheckConstraint(
                condition=Q(bought_tier="", bought_per_minute=None)
                | Q(bought_tier__in=["free", "pro", "enterprise"], bought_per_minute__gte=1),
                name="accounts_apiallowance_bought",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} {self.product}".strip()

    def grants(self, limits: Mapping[str, Any]) -> bool:
        """True when this is what the row says already."""
        return all(getattr(self, name) == value for name, value in limits.items())
