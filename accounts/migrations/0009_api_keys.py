"""API keys, and what an organization has bought for its API use."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.kit.ids


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("accounts", "0008_tokens_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiAllowance",
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
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("product", models.CharField(blank=True, max_length=80)),
                (
                    "tier",
                    models.CharField(
                        choices=[("free", "Free"), ("pro", "Pro"), ("enterprise", "Enterprise")],
                        max_length=16,
                    ),
                ),
                ("requests_per_minute", models.PositiveIntegerField()),
                ("monthly_quota", models.BigIntegerField(blank=True, null=True)),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_allowances",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "API allowance",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "product"), name="accounts_apiallowance_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["free", "pro", "enterprise"])),
                        name="accounts_apiallowance_tier",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("requests_per_minute__gte", 1),
                            models.Q(
                                ("monthly_quota", None), ("monthly_quota__gte", 0), _connector="OR"
                            ),
                        ),
                        name="accounts_apiallowance_limits",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
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
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("key_hash", models.CharField(editable=False, max_length=64)),
                ("pepper_version", models.PositiveSmallIntegerField(default=1, editable=False)),
                ("public_id", models.CharField(editable=False, max_length=8)),
                ("last4", models.CharField(editable=False, max_length=4)),
                (
                    "environment",
                    models.CharField(
                        choices=[("live", "Live"), ("test", "Test")], default="live", max_length=4
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("description", models.TextField(blank=True, max_length=500)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "tier",
                    models.CharField(
                        choices=[("free", "Free"), ("pro", "Pro"), ("enterprise", "Enterprise")],
                        default="free",
                        max_length=16,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending_verification", "Waiting for confirmation"),
                            ("active", "Active"),
                            ("revoked", "Revoked"),
                        ],
                        default="active",
                        max_length=24,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                (
                    "allowed_cidrs",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=43),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "last_used_ip",
                    models.GenericIPAddressField(blank=True, editable=False, null=True),
                ),
                ("usage_count", models.BigIntegerField(db_default=0, editable=False)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("revoked_reason", models.CharField(blank=True, editable=False, max_length=200)),
                ("overlap_ends_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("external_id", models.CharField(blank=True, max_length=255)),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("version", models.BigIntegerField(db_default=1, editable=False)),
                ("published_version", models.BigIntegerField(db_default=0, editable=False)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_keys",
                        to="accounts.organization",
                    ),
                ),
                (
                    "rotated_to",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rotated_from",
                        to="accounts.apikey",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        fields=["organization", "-created_at", "-id"], name="accounts_apikey_newest"
                    ),
                    models.Index(
                        condition=models.Q(("is_active", True), ("status", "active")),
                        fields=["organization"],
                        name="accounts_apikey_active",
                    ),
                    models.Index(
                        condition=models.Q(("expires_at__isnull", False)),
                        fields=["expires_at"],
                        name="accounts_apikey_expires",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("overlap_ends_at__isnull", False),
                            models.Q(("status", "revoked"), _negated=True),
                        ),
                        fields=["overlap_ends_at"],
                        name="accounts_apikey_overlaps",
                    ),
                    models.Index(
                        condition=models.Q(("published_version__lt", models.F("version"))),
                        fields=["id"],
                        name="accounts_apikey_unpublished",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("key_hash",), name="accounts_apikey_hash"),
                    models.UniqueConstraint(fields=("public_id",), name="accounts_apikey_public"),
                    models.UniqueConstraint(
                        fields=("id", "organization"), name="accounts_apikey_tenant"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key_hash__regex", "^[0-9a-f]{64}$")),
                        name="accounts_apikey_hashed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("last4__regex", "^[0-9A-Za-z]{4}$"),
                            ("public_id__regex", "^[0-9A-Za-z]{8}$"),
                        ),
                        name="accounts_apikey_shown",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="accounts_apikey_name"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("environment__in", ["live", "test"])),
                        name="accounts_apikey_environment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["free", "pro", "enterprise"])),
                        name="accounts_apikey_tier",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("revoked_at__isnull", False), ("status", "revoked")),
                            models.Q(
                                ("revoked_at", None),
                                ("status__in", ["pending_verification", "active"]),
                            ),
                            _connector="OR",
                        ),
                        name="accounts_apikey_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at", None),
                            ("expires_at__gt", models.F("created_at")),
                            _connector="OR",
                        ),
                        name="accounts_apikey_valid_expiry",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("overlap_ends_at", None), ("rotated_to", None)),
                            models.Q(
                                ("overlap_ends_at__isnull", False), ("rotated_to__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="accounts_apikey_overlap",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("usage_count__gte", 0)),
                        name="accounts_apikey_usage_count",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("published_version__lte", models.F("version"))),
                        name="accounts_apikey_published",
                    ),
                ],
            },
        ),
    ]
