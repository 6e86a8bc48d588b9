"""A deleted endpoint is marked at once and cleared away in batches, so that nobody waits."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0022_bulk_jobs")]

    operations = [
        migrations.AddField(
            "webhookendpoint", "deleted_at", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddConstraint(
            "webhookendpoint",
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(status="disabled", former_secret_sealed=None),
                name="accounts_webhookendpoint_deleted",
            ),
        ),
    ]
