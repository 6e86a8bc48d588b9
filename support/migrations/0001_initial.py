"""Notes that staff keep about people."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.kit.ids


class Migration(migrations.Migration):
    initial = True
    dependencies = [("accounts", "0016_activity_rules")]

    operations = [
        migrations.CreateModel(
            name="AdminNote",
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
                ("note", models.TextField(max_length=4000)),
                ("is_flagged", models.BooleanField(default=False)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-is_flagged", "-created_at"],
                "indexes": [
                    models.Index(fields=["user", "-created_at"], name="support_adminnote_user"),
                    models.Index(fields=["author"], name="support_adminnote_author"),
                    models.Index(
                        condition=models.Q(("is_flagged", True)),
                        fields=["-created_at"],
                        name="support_adminnote_flagged",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("note", ""), _negated=True),
                        name="support_adminnote_note",
                    )
                ],
            },
        ),
    ]
