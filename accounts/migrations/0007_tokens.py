"""API sessions: refresh tokens, hand-over codes, device codes, and what clients report."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.utils.dateparse import parse_duration

import config.kit.ids


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_sign_in_rules")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="token_version",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.CreateModel(
            name="BridgeToken",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=config.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("token_hash", models.CharField(max_length=64)),
                ("client_id", models.CharField(max_length=64)),
                ("redirect_uri", models.CharField(max_length=255)),
                ("challenge", models.CharField(max_length=43)),
                ("session_data", models.JSONField(default=dict)),
                ("client_ip", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.CharField(blank=True, max_length=400)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("family", models.UUIDField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bridge_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        fields=["user", "-created_at"], name="accounts_bridgetoken_recent"
                    ),
                    models.Index(fields=["expires_at"], name="accounts_bridgetoken_ends"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("token_hash",), name="accounts_bridgetoken_hash"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="accounts_bridgetoken_expiry",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("challenge__regex", "^[A-Za-z0-9_-]{43}$")),
                        name="accounts_bridgetoken_challenge",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("family", None), ("used_at", None)),
                            models.Q(("family__isnull", False), ("used_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="accounts_bridgetoken_used",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeviceAuthorization",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=config.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("device_hash", models.CharField(max_length=64)),
                ("user_code_hash", models.CharField(max_length=64)),
                ("client_id", models.CharField(max_length=64)),
                ("client_name", models.CharField(max_length=80)),
                ("client_ip", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.CharField(blank=True, max_length=400)),
                ("interval", models.PositiveSmallIntegerField(default=5)),
                ("polled_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField()),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                ("denied_at", models.DateTimeField(blank=True, null=True)),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("family", models.UUIDField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="device_authorizations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["expires_at"], name="accounts_deviceauthorization_e")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("device_hash",), name="accounts_deviceauthorization_hash"
                    ),
                    models.UniqueConstraint(
                        fields=("user_code_hash",), name="accounts_deviceauthorization_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="accounts_deviceauthorization_expiry",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("approved_at", None), ("denied_at", None), _connector="OR"
                        ),
                        name="accounts_deviceauthorization_one_answer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approved_at", None), ("denied_at", None), ("user", None)),
                            models.Q(("approved_at__isnull", False), ("user__isnull", False)),
                            models.Q(("denied_at__isnull", False), ("user__isnull", False)),
                            _connector="OR",
                        ),
                        name="accounts_deviceauthorization_answered",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("used_at", None),
                            models.Q(("approved_at__isnull", False), ("family__isnull", False)),
                            _connector="OR",
                        ),
                        name="accounts_deviceauthorization_used",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=config.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("family", models.UUIDField()),
                ("token_hash", models.CharField(max_length=64)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("password", "Password"),
                            ("bridge", "Browser hand-over"),
                            ("device", "Device code"),
                        ],
                        default="password",
                        max_length=16,
                    ),
                ),
                ("client_name", models.CharField(max_length=80)),
                ("ip", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.CharField(blank=True, max_length=400)),
                ("began_at", models.DateTimeField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "parent",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="successor",
                        to="accounts.refreshtoken",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refresh_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        fields=["user", "-created_at"], name="accounts_refreshtoken_recent"
                    ),
                    models.Index(fields=["family"], name="accounts_refreshtoken_family"),
                    models.Index(fields=["expires_at"], name="accounts_refreshtoken_ends"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("token_hash",), name="accounts_refreshtoken_hash"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at", None), ("used_at", None)),
                        fields=("family",),
                        name="accounts_refreshtoken_one_head",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="accounts_refreshtoken_expiry",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "expires_at__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("began_at"),
                                    "+",
                                    models.Value(parse_duration("90 00:00:00")),
                                ),
                            )
                        ),
                        name="accounts_refreshtoken_absolute_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ["password", "bridge", "device"])),
                        name="accounts_refreshtoken_origin",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SyncLog",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=config.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event_id", models.CharField(max_length=64)),
                ("event_type", models.CharField(max_length=64)),
                ("event_source", models.CharField(max_length=64)),
                ("data", models.JSONField(blank=True, null=True)),
                ("client_ip", models.GenericIPAddressField(blank=True, null=True)),
                ("user_agent", models.CharField(blank=True, max_length=400)),
                ("success", models.BooleanField(default=True)),
                ("error_message", models.CharField(blank=True, max_length=1000, null=True)),
                ("occurred_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sync_logs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["user", "-created_at"], name="accounts_synclog_recent"),
                    models.Index(fields=["created_at"], name="accounts_synclog_at"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "event_id"), name="accounts_synclog_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("event_type", ""), _negated=True),
                            models.Q(("event_source", ""), _negated=True),
                            models.Q(("event_id", ""), _negated=True),
                        ),
                        name="accounts_synclog_named",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("error_message", None), ("success", True)),
                            ("success", False),
                            _connector="OR",
                        ),
                        name="accounts_synclog_error",
                    ),
                ],
            },
        ),
    ]
