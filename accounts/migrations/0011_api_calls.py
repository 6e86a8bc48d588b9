"""API calls as Django sees them (views and raw tables), and what an organization keeps of them."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import config.kit.ids


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_api_keys_rules")]
    operations = [
        migrations.CreateModel(
            name="ApiCall",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("called_at", models.DateTimeField()),
                ("product", models.TextField()),
                ("endpoint", models.TextField()),
                ("method", models.TextField()),
                ("status_code", models.SmallIntegerField()),
                ("latency_ms", models.IntegerField()),
                ("outcome", models.TextField()),
                ("request_body", models.TextField(null=True)),
                ("response_body", models.TextField(null=True)),
            ],
            options={
                "verbose_name": "API call",
                "db_table": "api_calls",
                "ordering": ["-called_at", "-id"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="HourlyCalls",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization_id",
                        "hour",
                        "api_key_id",
                        "product",
                        "endpoint",
                        "latency_bucket",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("organization_id", models.UUIDField()),
                ("api_key_id", models.UUIDField()),
                ("product", models.TextField()),
                ("endpoint", models.TextField()),
                ("latency_bucket", models.SmallIntegerField()),
                ("requests", models.BigIntegerField()),
                ("errors", models.BigIntegerField()),
                ("billable", models.BigIntegerField()),
                ("latency_ms", models.BigIntegerField()),
            ],
            options={
                "db_table": "api_calls_hourly",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StoredCall",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("called_at", models.DateTimeField()),
                ("product", models.TextField()),
                ("endpoint", models.TextField()),
                ("method", models.TextField()),
                ("status_code", models.SmallIntegerField()),
                ("latency_ms", models.IntegerField()),
                ("outcome", models.TextField()),
                ("request_body", models.TextField(null=True)),
                ("response_body", models.TextField(null=True)),
            ],
            options={
                "verbose_name": "API call",
                "db_table": 'series"."api_calls',
                "ordering": ["-called_at", "-id"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="StoredHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization_id",
                        "hour",
                        "api_key_id",
                        "product",
                        "endpoint",
                        "latency_bucket",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("organization_id", models.UUIDField()),
                ("api_key_id", models.UUIDField()),
                ("product", models.TextField()),
                ("endpoint", models.TextField()),
                ("latency_bucket", models.SmallIntegerField()),
                ("requests", models.BigIntegerField()),
                ("errors", models.BigIntegerField()),
                ("billable", models.BigIntegerField()),
                ("latency_ms", models.BigIntegerField()),
            ],
            options={
                "db_table": 'series"."api_calls_hourly',
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="CallRecording",
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
                ("keeps_bodies", models.BooleanField(default=False)),
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="call_recording",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
