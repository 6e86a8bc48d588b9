"""An alert of the trail says when the operator's chat took it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0026_bought_rates")]

    operations = [
        migrations.AddField(
            "trailalert", "posted_at", models.DateTimeField(editable=False, null=True)
        )
    ]
