"""Whoever makes an export says until when, so that no second run begins beside the first."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0019_held_keys")]

    operations = [
        migrations.AddField("dataexport", "claimed_until", models.DateTimeField(null=True)),
    ]
