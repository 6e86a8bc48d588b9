"""Usage records are append-only; the web process reads them and writes none."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, isolate, keep_timestamps

APPEND_ONLY = """
CREATE TRIGGER billing_usagerecord_frozen BEFORE UPDATE OR DELETE ON billing_usagerecord
    FOR EACH ROW EXECUTE FUNCTION billing_append_only();
CREATE TRIGGER billing_usagerecord_kept BEFORE TRUNCATE ON billing_usagerecord
    FOR EACH STATEMENT EXECUTE FUNCTION billing_append_only();
ALTER TABLE billing_usagerecord ENABLE ALWAYS TRIGGER billing_usagerecord_frozen;
ALTER TABLE billing_usagerecord ENABLE ALWAYS TRIGGER billing_usagerecord_kept;
"""
APPEND_ONLY_REVERSE = """
DROP TRIGGER billing_usagerecord_kept ON billing_usagerecord;
DROP TRIGGER billing_usagerecord_frozen ON billing_usagerecord;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_metering")]
    operations = [
        keep_timestamps("billing_quotaalert"),
        isolate("billing_usagerecord"),
        isolate("billing_quotaalert"),
        forbid("billing_usagerecord", "INSERT", "UPDATE", "DELETE"),
        forbid("billing_quotaalert", "INSERT", "UPDATE", "DELETE"),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_REVERSE),
    ]
