"""Metered use and the alerts of quotas."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.kit.ids
import config.kit.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_api_calls_rules"),
        ("billing", "0003_database_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="QuotaAlert",
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
                ("month", models.DateField()),
                ("percent", models.PositiveSmallIntegerField()),
                ("used", models.BigIntegerField()),
                ("quota", models.BigIntegerField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota_alerts",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "-percent"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        models.F("product"),
                        models.F("month"),
                        models.F("percent"),
                        name="billing_quotaalert_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("percent__in", [80, 100])),
                        name="billing_quotaalert_percent",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageRecord",
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
                (
                    "feature_type",
                    models.CharField(choices=[("api_calls", "API calls")], max_length=32),
                ),
                ("product", models.CharField(blank=True, max_length=80)),
                ("period_start", models.DateTimeField()),
                ("period_end", models.DateTimeField()),
                ("request_count", models.BigIntegerField()),
                ("total_tokens", models.BigIntegerField(default=0)),
                (
                    "rate_per_thousand",
                    models.DecimalField(decimal_places=4, default=0, max_digits=12),
                ),
                ("total_cost", models.DecimalField(decimal_places=7, max_digits=22)),
                ("currency", config.kit.models.CurrencyField(max_length=3)),
                ("source_key", models.CharField(max_length=200)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage_records",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["-period_start", "-id"],
                "indexes": [
                    models.Index(
                        fields=["organization", "period_start"], name="billing_usagerecord_month"
                    ),
                    models.Index(
                        fields=["feature_type", "period_start"], name="billing_usagerecord_when"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("source_key"), name="billing_usagerecord_source"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("feature_type__in", ["api_calls"])),
                        name="billing_usagerecord_feature",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rate_per_thousand__gte", 0),
                            (
                                "total_cost",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("request_count"),
                                        "*",
                                        models.F("rate_per_thousand"),
                                    ),
                                    "/",
                                    models.Value(1000),
                                ),
                            ),
                        ),
                        name="billing_usagerecord_cost",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_start__lt", models.F("period_end"))),
                        name="billing_usagerecord_period",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="billing_usagerecord_currency",
                    ),
                ],
            },
        ),
    ]
