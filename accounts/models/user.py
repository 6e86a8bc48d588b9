"""People: they log in by e-mail and belong to organizations."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Lower

from accounts.rules.roles import STAFF, staff_allows
from config.kit.models import BaseModel

models.CharField.register_lookup(Length)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, BaseModel):
    """One person. `role` is what they are to the operator; customers have their memberships."""

    class Role(models.TextChoices):
        CUSTOMER = "customer"
        SUPPORT = "support"
        READONLY = "readonly", "Read only"
        ADMIN = "admin"

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSED = "closed"

    email = models.EmailField(max_length=254)
    username = models.CharField(max_length=150)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=10, default="en")
    avatar = models.CharField(max_length=43, blank=True)
    role = models.CharField(max_length=16, choices=Role, default=Role.CUSTOMER)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    is_superuser = models.BooleanField(default=False)
    token_version = models.PositiveIntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email"),
            models.UniqueConstraint(Lower("username"), name="accounts_user_username"),
            models.CheckConstraint(
                condition=Q(email__regex=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
                name="accounts_user_email_format",
            ),
            models.CheckConstraint(
                condition=Q(username__length__gte=3), name="accounts_user_username_length"
            ),
            models.CheckConstraint(
                condition=Q(locale__regex=r"^[a-z]{2}(-[A-Z]{2})?$"), name="accounts_user_locale"
            ),
            models.CheckConstraint(
                condition=Q(avatar__regex=r"^([A-Za-z0-9_-]{43})?$"), name="accounts_user_avatar"
            ),
            models.CheckConstraint(
                condition=Q(role__in=["customer", "support", "readonly", "admin"]),
                name="accounts_user_role",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "suspended", "closed"]),
                name="accounts_user_status",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.status == self.Status.ACTIVE

    @property
    def is_staff(self) -> bool:
        return self.is_active and self.has_staff_role

    @property
    def has_staff_role(self) -> bool:
        """Whether they belong to the operator, also while suspended and allowed nothing."""
        return self.is_superuser or self.role in STAFF

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def get_full_name(self) -> str:
        """What Django's own pages call a person."""
        return self.full_name

    @property
    def initials(self) -> str:
        named = (self.first_name[:1] + self.last_name[:1]).upper()
        return named or self.email[:2].upper()

    def has_perm(self, permission: str, obj: models.Model | None = None) -> bool:
        return self.is_active and (self.is_superuser or staff_allows(self.role, permission))

    def has_perms(self, permissions: list[str], obj: models.Model | None = None) -> bool:
        return all(self.has_perm(permission, obj) for permission in permissions)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff
