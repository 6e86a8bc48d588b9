"""A quota that changes within its month is told of anew."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import F


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_metering_rules")]

    operations = [
        migrations.RemoveConstraint("quotaalert", "billing_quotaalert_once"),
        migrations.AddConstraint(
            "quotaalert",
            models.UniqueConstraint(
                F("organization"),
                F("product"),
                F("month"),
                F("percent"),
                F("quota"),
                name="billing_quotaalert_once",
            ),
        ),
    ]
