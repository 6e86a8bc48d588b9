"""Mails of the sign-in pages are owed as rows. The site may write them, and read none."""

from __future__ import annotations

import django.db.models.functions.datetime
from django.db import migrations, models

import config.kit.ids
from config.kit.tenancy import forbid, keep_timestamps

# What the database fills in, it tells whoever inserts a row.
ONLY_WHAT_IT_FILLS_IN = """
GRANT SELECT (id, created_at, updated_at) ON accounts_accountmail TO switchyard_app;
"""
NOTHING = """
REVOKE SELECT (id, created_at, updated_at) ON accounts_accountmail FROM switchyard_app;
"""


def _moment() -> models.DateTimeField:
    now = django.db.models.functions.datetime.Now()
    return models.DateTimeField(db_default=now, editable=False)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0024_key_order")]

    operations = [
        migrations.CreateModel(
            name="AccountMail",
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
                ("created_at", _moment()),
                ("updated_at", _moment()),
                ("message_sealed", models.BinaryField(editable=False)),
                ("address_hash", models.CharField(max_length=64)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
            ],
        ),
        keep_timestamps("accounts_accountmail"),
        forbid("accounts_accountmail", "SELECT", "UPDATE", "DELETE"),
        migrations.RunSQL(ONLY_WHAT_IT_FILLS_IN, NOTHING),
    ]
