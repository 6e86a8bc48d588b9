"""Handing a login over: to an app on the same machine, or to a machine without a browser."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models.user import User
from config.kit.ids import uuid7


class BridgeToken(models.Model):
    """A one-time code that hands a web login over to a desktop app: 60 seconds, one use.

    Bound to the app, its loopback address and its PKCE challenge. `session_data` says how the
    person had signed in and for which organization; `family` is the API session made from it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="bridge_tokens")
    token_hash = models.CharField(max_length=64)
    client_id = models.CharField(max_length=64)
    redirect_uri = models.CharField(max_length=255)
    challenge = models.CharField(max_length=43)
    session_data = models.JSONField(default=dict)
    client_ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=400, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    family = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="accounts_bridgetoken_hash"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="accounts_bridgetoken_expiry"
            ),
            models.CheckConstraint(
                condition=Q(challenge__regex=r"^[A-Za-z0-9_-]{43}$"),
                name="accounts_bridgetoken_challenge",
            ),
            models.CheckConstraint(
                condition=Q(used_at=None, family=None)
                | Q(used_at__isnull=False, family__isnull=False),
                name="accounts_bridgetoken_used",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="accounts_bridgetoken_recent"),
            models.Index(fields=["expires_at"], name="accounts_bridgetoken_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} of {self.user_id}"


class DeviceAuthorization(models.Model):
    """A machine without a browser that waits for a person to let it in (RFC 8628).

    Nobody's until a person decides: `user` is set with `approved_at` or `denied_at`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        User, models.CASCADE, null=True, blank=True, related_name="device_authorizations"
    )
    device_hash = models.CharField(max_length=64)
    user_code_hash = models.CharField(max_length=64)
    client_id = models.CharField(max_length=64)
    client_name = models.CharField(max_length=80)
    client_ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=400, blank=True)
    interval = models.PositiveSmallIntegerField(default=5)
    polled_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)
    denied_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    family = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["device_hash"], name="accounts_deviceauthorization_hash"
            ),
            models.UniqueConstraint(
                fields=["user_code_hash"], name="accounts_deviceauthorization_code"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")),
                name="accounts_deviceauthorization_expiry",
            ),
            models.CheckConstraint(
                condition=Q(approved_at=None) | Q(denied_at=None),
                name="accounts_deviceauthorization_one_answer",
            ),
            models.CheckConstraint(
                condition=Q(user=None, approved_at=None, denied_at=None)
                | Q(user__isnull=False, approved_at__isnull=False)
                | Q(user__isnull=False, denied_at__isnull=False),
                name="accounts_deviceauthorization_answered",
            ),
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(approved_at__isnull=False, family__isnull=False),
                name="accounts_deviceauthorization_used",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="accounts_deviceauthorization_e"),
        ]

    def __str__(self) -> str:
        return f"{self.client_name} ({self.client_id})"
