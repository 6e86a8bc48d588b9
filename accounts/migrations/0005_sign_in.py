"""What a person shows and how dates are written for them: picture and locale."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.kit.ids


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_team_rules")]

    operations = [
        migrations.AddField("user", "avatar", models.CharField(blank=True, max_length=43)),
        migrations.AddField("user", "locale", models.CharField(default="en", max_length=10)),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("locale__regex", "^[a-z]{2}(-[A-Z]{2})?$")),
                name="accounts_user_locale",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("avatar__regex", "^([A-Za-z0-9_-]{43})?$")),
                name="accounts_user_avatar",
            ),
        ),
        migrations.CreateModel(
            name="Avatar",
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
                ("name", models.CharField(max_length=43, unique=True)),
                ("large", models.BinaryField()),
                ("small", models.BinaryField()),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="picture",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("large__length__range", (1, 262144)),
                            ("small__length__range", (1, 65536)),
                        ),
                        name="accounts_avatar_size",
                    )
                ],
            },
        ),
    ]
