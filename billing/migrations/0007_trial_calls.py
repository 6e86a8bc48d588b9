"""Calls of trials are booked by themselves: they cost nothing."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_alerts_by_quota")]

    operations = [
        migrations.AlterField(
            "usagerecord",
            "feature_type",
            models.CharField(
                choices=[("api_calls", "API calls"), ("trial_calls", "API calls of a trial")],
                max_length=32,
            ),
        ),
        migrations.RemoveConstraint("usagerecord", "billing_usagerecord_feature"),
        migrations.AddConstraint(
            "usagerecord",
            models.CheckConstraint(
                condition=Q(feature_type__in=["api_calls", "trial_calls"]),
                name="billing_usagerecord_feature",
            ),
        ),
    ]
