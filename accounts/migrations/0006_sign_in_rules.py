"""The database keeps the timestamps of pictures."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import keep_timestamps


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_sign_in")]
    operations = [keep_timestamps("accounts_avatar")]
