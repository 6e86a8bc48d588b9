"""An alert of the trail says when the mail to the operators was taken."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0027_posted_alerts")]

    operations = [
        migrations.AddField(
            "trailalert", "mailed_at", models.DateTimeField(editable=False, null=True)
        )
    ]
