"""Organizations own everything; memberships say who may act for them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.user import User
from accounts.rules.roles import OrganizationRole, organization_allows
from config.kit.models import BaseModel
from config.kit.tenancy import OrganizationQuerySet


class OrganizationQueryset(models.QuerySet["Organization"]):
    def of_user(self, user: User) -> OrganizationQueryset:
        return self.filter(memberships__user=user)

    def not_closed(self) -> OrganizationQueryset:
        return self.exclude(status=Organization.Status.CLOSED)


class Organization(BaseModel):
    """The customer of record. Signing up makes a personal one, so a lone user never sees it."""

    class Tier(models.TextChoices):
        FREE = "free"
        PRO = "pro"
        ENTERPRISE = "enterprise"

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    name = models.CharField(max_length=120)
    country = models.CharField(max_length=2, blank=True)
    subscription_tier = models.CharField(max_length=16, choices=Tier, default=Tier.FREE)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    is_personal = models.BooleanField(default=False)
    welcomed_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False
    )

    objects = OrganizationQueryset.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_organization_name"),
            models.CheckConstraint(
                condition=Q(country="") | Q(country__regex=r"^[A-Z]{2}$"),
                name="accounts_organization_country",
            ),
            models.CheckConstraint(
                condition=Q(subscription_tier__in=["free", "pro", "enterprise"]),
                name="accounts_organization_tier",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "suspended", "closed"]),
                name="accounts_organization_status",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        words = self.name.split()
        return "".join(word[0] for word in words[:2]).upper() or "?"

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def is_closed(self) -> bool:
        return self.status == self.Status.CLOSED


class Membership(BaseModel):
    """One person in one organization, with a role.

    `last_active_at` is when they last acted for it on the site, exact to five minutes.
    """

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"
        READONLY = "readonly", "Read only"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    last_active_at = models.DateTimeField(db_default=Now(), editable=False)
    first_steps_hidden_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint("organization", "user", name="accounts_membership_once"),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in OrganizationRole]),
                name="accounts_membership_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization} as {self.role}"

    def allows(self, permission: str) -> bool:
        return organization_allows(self.role, permission)
