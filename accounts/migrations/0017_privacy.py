"""Alerts about the trail, exports of personal data, and looks of staff as a customer."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.kit.ids


def _key() -> tuple[str, models.Field]:
    return (
        "id",
        models.UUIDField(
            default=config.kit.ids.uuid7, editable=False, primary_key=True, serialize=False
        ),
    )


def _times() -> list[tuple[str, models.Field]]:
    now = django.db.models.functions.datetime.Now
    return [
        (name, models.DateTimeField(db_default=now(), editable=False))
        for name in ("created_at", "updated_at")
    ]


def _person(related_name: str, on_delete: object = django.db.models.deletion.CASCADE) -> object:
    return models.ForeignKey(
        on_delete=on_delete, related_name=related_name, to=settings.AUTH_USER_MODEL
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0016_activity_rules")]

    operations = [
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("kind", models.TextField(choices=[("window", "Window"), ("anchor", "Anchor")])),
                ("system_id", models.TextField()),
                ("after_id", models.BigIntegerField()),
                ("covered_id", models.BigIntegerField()),
                ("upto_id", models.BigIntegerField(null=True)),
                ("from_txid", models.TextField()),
                ("until_txid", models.TextField()),
                ("row_count", models.BigIntegerField(verbose_name="rows")),
                ("first_id", models.BigIntegerField(null=True)),
                ("last_id", models.BigIntegerField(null=True)),
                ("first_at", models.DateTimeField(null=True)),
                ("last_at", models.DateTimeField(null=True)),
                ("canon_version", models.SmallIntegerField()),
                ("rows_digest", models.BinaryField()),
                ("previous", models.BinaryField()),
                ("hash", models.BinaryField()),
                ("key_id", models.TextField()),
                ("mac", models.TextField()),
                ("sealed_at", models.DateTimeField()),
            ],
            options={"db_table": 'audit"."seals', "ordering": ["-seq"], "managed": False},
        ),
        migrations.CreateModel(
            name="TrailAlert",
            fields=[
                _key(),
                *_times(),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("broken", "The chain of seals is broken"),
                            ("late", "Sealing is late"),
                            ("outsider", "Written past the application"),
                            ("unsorted", "Entries outside a month"),
                        ],
                        max_length=16,
                    ),
                ),
                ("detail", models.TextField()),
                ("seen_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.UniqueConstraint(
                        "kind",
                        condition=models.Q(("resolved_at", None)),
                        name="accounts_trailalert_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["broken", "late", "outsider", "unsorted"])
                        ),
                        name="accounts_trailalert_kind",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DataExport",
            fields=[
                _key(),
                *_times(),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("size", models.BigIntegerField(default=0)),
                ("ready_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="data_exports",
                        to="accounts.organization",
                    ),
                ),
                ("user", _person("data_exports")),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.UniqueConstraint(
                        "user",
                        "organization",
                        condition=models.Q(("status", "waiting")),
                        nulls_distinct=False,
                        name="accounts_dataexport_waiting",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["waiting", "ready", "failed", "expired"])
                        ),
                        name="accounts_dataexport_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "ready"), _negated=True),
                            models.Q(("expires_at__isnull", False), ("ready_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="accounts_dataexport_ready",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Impersonation",
            fields=[
                _key(),
                *_times(),
                ("reason", models.CharField(max_length=300)),
                ("started_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("staff", _person("+", django.db.models.deletion.PROTECT)),
                ("user", _person("+")),
            ],
            options={
                "ordering": ["-created_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="accounts_impersonation_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("staff", models.F("user")), _negated=True),
                        name="accounts_impersonation_other",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("expires_at", None), ("started_at", None)),
                            models.Q(
                                ("expires_at__gt", models.F("started_at")),
                                ("started_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="accounts_impersonation_span",
                    ),
                ],
            },
        ),
    ]
