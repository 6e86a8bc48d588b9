"""Refresh tokens: the long-lived half of an API session, rotated at every use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models.user import User
from config.kit.ids import uuid7

FAMILY_ENDS = timedelta(days=90)
"""However often it is rotated, a session that began this long ago is over."""
UNUSED_ENDS = timedelta(days=30)
"""A token that nobody presents for this long is worth nothing."""


class RefreshTokenQuerySet(models.QuerySet["RefreshToken"]):
    def of_user(self, user: User) -> RefreshTokenQuerySet:
        return self.filter(user=user)

    def heads(self, at: datetime) -> RefreshTokenQuerySet:
        """The one living token of each session: not used, not revoked, not run out."""
        return self.filter(used_at=None, revoked_at=None, expires_at__gt=at)


class RefreshToken(models.Model):
    """One link of a chain. All tokens of one login share `family`, which is the session's id.

    `token_hash` is keyed; the token itself is known to its client alone. `ip` and `user_agent` are
    those of the request that was given this token.
    """

    class Origin(models.TextChoices):
        PASSWORD = "password"  # noqa: S105  a way in, no secret
        BRIDGE = "bridge", "Browser hand-over"
        DEVICE = "device", "Device code"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="refresh_tokens")
    family = models.UUIDField()
    parent = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="successor"
    )
    token_hash = models.CharField(max_length=64)
    origin = models.CharField(max_length=16, choices=Origin, default=Origin.PASSWORD)
    client_name = models.CharField(max_length=80)
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=400, blank=True)
    began_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = RefreshTokenQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="accounts_refreshtoken_hash"),
            models.UniqueConstraint(
                fields=["family"],
                condition=Q(used_at=None, revoked_at=None),
                name="accounts_refreshtoken_one_head",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="accounts_refreshtoken_expiry"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("began_at") + FAMILY_ENDS),
                name="accounts_refreshtoken_absolute_end",
            ),
            models.CheckConstraint(
                condition=Q(origin__in=["password", "bridge", "device"]),
                name="accounts_refreshtoken_origin",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="accounts_refreshtoken_recent"),
            models.Index(fields=["family"], name="accounts_refreshtoken_family"),
            models.Index(fields=["expires_at"], name="accounts_refreshtoken_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.client_name} of {self.user_id}"

    @property
    def ends_at(self) -> datetime:
        """When the session is over at the latest."""
        return self.began_at + FAMILY_ENDS
