"""An export may be one list as its page shows it, too long to be written while its reader waits."""

from __future__ import annotations

from django.db import migrations, models

WAITING = {
    "condition": models.Q(("status", "waiting")),
    "nulls_distinct": False,
    "name": "accounts_dataexport_waiting",
}


def _text(length: int) -> models.CharField:
    return models.CharField(db_default="", default="", max_length=length)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0020_export_claims")]

    operations = [
        migrations.AddField("dataexport", "list_name", _text(60)),
        migrations.AddField("dataexport", "list_path", _text(200)),
        migrations.AddField("dataexport", "list_query", _text(2000)),
        migrations.AddField("dataexport", "row_count", models.BigIntegerField(null=True)),
        migrations.AddField("dataexport", "failure", _text(200)),
        migrations.RemoveConstraint("dataexport", "accounts_dataexport_waiting"),
        migrations.AddConstraint(
            "dataexport",
            models.UniqueConstraint("user", "organization", "list_path", "list_query", **WAITING),
        ),
        migrations.AddConstraint(
            "dataexport",
            models.CheckConstraint(
                condition=models.Q(("list_name", ""), ("list_path", ""), ("list_query", ""))
                | models.Q(
                    models.Q(("list_name", ""), ("list_path", ""), _connector="OR", _negated=True)
                ),
                name="accounts_dataexport_list",
            ),
        ),
    ]
