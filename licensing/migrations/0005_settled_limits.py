"""Trials know when what they allow was settled; whoever moves one clears that, the site too."""

from __future__ import annotations

from django.db import migrations, models

CLEARED = "GRANT UPDATE (limits_settled_at) ON licensing_trialworkspace TO switchyard_app;"
KEPT = "REVOKE UPDATE (limits_settled_at) ON licensing_trialworkspace FROM switchyard_app;"


class Migration(migrations.Migration):
    dependencies = [("licensing", "0004_trials_rules")]

    operations = [
        migrations.AddField(
            "trialworkspace",
            "limits_settled_at",
            models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddIndex(
            "trialworkspace",
            models.Index(
                condition=models.Q(("limits_settled_at", None)),
                fields=["product"],
                name="licensing_trial_unlimited",
            ),
        ),
        migrations.RunSQL(CLEARED, KEPT),
    ]
