"""Bulk actions in the background. Done is done, and a job's items are its organization's."""

from __future__ import annotations

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import config.kit.ids
from config.kit.tenancy import forbid, isolate, keep_timestamps

TABLES = ("accounts_bulkjob", "accounts_bulkitem")

ONE_TENANT = """
ALTER TABLE accounts_bulkitem ADD CONSTRAINT accounts_bulkitem_job_tenant
    FOREIGN KEY (job_id, organization_id) REFERENCES accounts_bulkjob (id, organization_id)
    ON DELETE CASCADE;
"""
ONE_TENANT_REVERSE = "ALTER TABLE accounts_bulkitem DROP CONSTRAINT accounts_bulkitem_job_tenant;"

# Nothing is done twice, whatever a program got wrong: what is done never waits again, and an item
# never becomes one of another thing.
DONE_IS_DONE = """
CREATE FUNCTION accounts_guard_bulk_item() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status = 'done' AND NEW.status <> 'done'
        OR (OLD.job_id, OLD.target_id) IS DISTINCT FROM (NEW.job_id, NEW.target_id) THEN
        RAISE EXCEPTION 'an item of a job is done once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_bulkitem_guard BEFORE UPDATE ON accounts_bulkitem
    FOR EACH ROW EXECUTE FUNCTION accounts_guard_bulk_item();
"""
DONE_IS_DONE_REVERSE = """
DROP TRIGGER accounts_bulkitem_guard ON accounts_bulkitem;
DROP FUNCTION accounts_guard_bulk_item();
"""


def _base() -> list[tuple[str, models.Field]]:
    now = django.db.models.functions.datetime.Now
    key = models.UUIDField(
        default=config.kit.ids.uuid7, editable=False, primary_key=True, serialize=False
    )
    times = [
        (name, models.DateTimeField(db_default=now(), editable=False))
        for name in ("created_at", "updated_at")
    ]
    return [("id", key), *times]


def _belongs_to(model: str, related_name: str = "+", *, kept: bool = False) -> models.ForeignKey:
    deletion = django.db.models.deletion
    return models.ForeignKey(
        on_delete=deletion.PROTECT if kept else deletion.CASCADE,
        related_name=related_name,
        to=model,
    )


def _status(*words: str) -> models.CharField:
    choices = [(word, word.title()) for word in words]
    return models.CharField(choices=choices, default="waiting", max_length=16)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0021_list_exports")]

    operations = [
        migrations.CreateModel(
            name="BulkJob",
            fields=[
                *_base(),
                ("action", models.CharField(max_length=64)),
                ("params", models.JSONField(default=dict)),
                ("total", models.PositiveIntegerField()),
                ("failed", models.PositiveIntegerField(default=0)),
                ("status", _status("waiting", "running", "done")),
                ("once", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("asked_at", models.DateTimeField()),
                ("claimed_until", models.DateTimeField(editable=False, null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("organization", _belongs_to("accounts.organization")),
                ("user", _belongs_to(settings.AUTH_USER_MODEL, kept=True)),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["organization", "-id"], name="accounts_bulkjob_newest"),
                    models.Index(
                        condition=~Q(status="done"),
                        fields=["asked_at"],
                        name="accounts_bulkjob_due",
                    ),
                    models.Index(
                        condition=Q(status="done"),
                        fields=["finished_at"],
                        name="accounts_bulkjob_age",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("id", "organization"), name="accounts_bulkjob_tenant"
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "once"), name="accounts_bulkjob_once"
                    ),
                    models.CheckConstraint(condition=~Q(action=""), name="accounts_bulkjob_action"),
                    models.CheckConstraint(
                        condition=Q(status__in=["waiting", "running", "done"]),
                        name="accounts_bulkjob_status",
                    ),
                    models.CheckConstraint(
                        condition=Q(failed__lte=F("total"), total__gte=1),
                        name="accounts_bulkjob_counts",
                    ),
                    models.CheckConstraint(
                        condition=Q(claimed_until=None, finished_at__isnull=False, status="done")
                        | ~Q(status="done") & Q(failed=0, finished_at=None),
                        name="accounts_bulkjob_finished",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkItem",
            fields=[
                *_base(),
                ("position", models.PositiveIntegerField()),
                ("target_id", models.UUIDField()),
                ("label", models.CharField(blank=True, max_length=200)),
                ("status", _status("waiting", "done", "failed")),
                ("error_code", models.CharField(blank=True, max_length=64)),
                ("error", models.CharField(blank=True, max_length=300)),
                ("finished_at", models.DateTimeField(null=True)),
                ("organization", _belongs_to("accounts.organization")),
                ("job", _belongs_to("accounts.bulkjob", "items")),
            ],
            options={
                "ordering": ["position"],
                "indexes": [
                    models.Index(
                        condition=Q(status="waiting"),
                        fields=["job", "position"],
                        name="accounts_bulkitem_next",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint("job", "target_id", name="accounts_bulkitem_once"),
                    models.UniqueConstraint("job", "position", name="accounts_bulkitem_place"),
                    models.CheckConstraint(
                        condition=Q(status__in=["waiting", "done", "failed"]),
                        name="accounts_bulkitem_status",
                    ),
                    models.CheckConstraint(
                        condition=Q(finished_at=None, status="waiting")
                        | ~Q(status="waiting") & Q(finished_at__isnull=False),
                        name="accounts_bulkitem_finished",
                    ),
                    models.CheckConstraint(
                        condition=Q(status="failed") & ~Q(error_code="")
                        | ~Q(status="failed") & Q(error="", error_code=""),
                        name="accounts_bulkitem_error",
                    ),
                ],
            },
        ),
        keep_timestamps(*TABLES),
        migrations.RunSQL(ONE_TENANT, ONE_TENANT_REVERSE),
        migrations.RunSQL(DONE_IS_DONE, DONE_IS_DONE_REVERSE),
        *(isolate(table) for table in TABLES),
        *(forbid(table, "DELETE") for table in TABLES),
    ]
