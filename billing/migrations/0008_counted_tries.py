"""A payment attempt counts how often the vendor was asked: the wait for the next try follows it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_trial_calls")]

    operations = [
        migrations.AddField(
            "paymentattempt",
            "tries",
            models.PositiveIntegerField(db_default=0, editable=False),
        )
    ]
