"""Trial workspaces and the API keys made for them."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.kit.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_api_keys_rules"),
        ("billing", "0003_database_rules"),
        ("licensing", "0002_database_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TrialWorkspace",
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
                ("name", models.CharField(max_length=120)),
                ("slug", models.CharField(max_length=63)),
                (
                    "tier",
                    models.CharField(
                        choices=[("standard", "Standard"), ("enterprise", "Enterprise")],
                        default="standard",
                        max_length=16,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("expired", "Expired"),
                            ("converted", "Converted"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="active",
                        max_length=16,
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("converted_at", models.DateTimeField(blank=True, null=True)),
                ("cancelled_at", models.DateTimeField(blank=True, null=True)),
                ("mail_domain", models.CharField(blank=True, editable=False, max_length=253)),
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
                    "license",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trial",
                        to="licensing.license",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trials",
                        to="accounts.organization",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trials",
                        to="billing.product",
                    ),
                ),
                (
                    "subscription",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trial",
                        to="billing.subscription",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="TrialApiKey",
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
                    "api_key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trial_key",
                        to="accounts.apikey",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="licensing.trialworkspace",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
            },
        ),
        migrations.AddIndex(
            model_name="trialworkspace",
            index=models.Index(
                fields=["organization", "-created_at"], name="licensing_trial_of_org"
            ),
        ),
        migrations.AddIndex(
            model_name="trialworkspace",
            index=models.Index(
                condition=models.Q(("status", "active")),
                fields=["expires_at"],
                name="licensing_trial_due",
            ),
        ),
        migrations.AddIndex(
            model_name="trialworkspace",
            index=models.Index(fields=["status"], name="licensing_trial_by_status"),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.UniqueConstraint(
                fields=("organization", "product"), name="licensing_trialworkspace_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.UniqueConstraint(
                condition=models.Q(("mail_domain", ""), _negated=True),
                fields=("product", "mail_domain"),
                name="licensing_trialworkspace_domain",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.UniqueConstraint(
                fields=("slug",), name="licensing_trialworkspace_slug"
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.UniqueConstraint(
                fields=("id", "organization"), name="licensing_trialworkspace_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.CheckConstraint(
                condition=models.Q(("slug__regex", "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")),
                name="licensing_trialworkspace_slug_format",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True),
                name="licensing_trialworkspace_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.CheckConstraint(
                condition=models.Q(("tier__in", ["standard", "enterprise"])),
                name="licensing_trialworkspace_tier",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("created_at"))),
                name="licensing_trialworkspace_forward",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialworkspace",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("cancelled_at", None),
                        ("converted_at", None),
                        ("status__in", ["active", "expired"]),
                    ),
                    models.Q(
                        ("cancelled_at", None),
                        ("converted_at__isnull", False),
                        ("status", "converted"),
                    ),
                    models.Q(
                        ("cancelled_at__isnull", False),
                        ("converted_at", None),
                        ("status", "cancelled"),
                    ),
                    _connector="OR",
                ),
                name="licensing_trialworkspace_status",
            ),
        ),
    ]
