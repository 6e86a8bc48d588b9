"""What the database itself enforces: events that never change, one tenant a row, the wall."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, isolate, keep_timestamps

TABLES = (
    "accounts_webhookendpoint", "accounts_webhookevent", "accounts_webhookdelivery",
    "accounts_webhookattempt", "accounts_notification", "accounts_notificationread",
    "accounts_notificationrule", "accounts_notificationmail",
)  # fmt: skip

FROZEN = """
CREATE FUNCTION accounts_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% is written once', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER accounts_webhookevent_frozen BEFORE UPDATE ON accounts_webhookevent
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
"""
FROZEN_REVERSE = """
DROP TRIGGER accounts_webhookevent_frozen ON accounts_webhookevent;
DROP FUNCTION accounts_refuse_change();
"""

# A row and what it belongs to are the same tenant's, whatever a program got wrong.
LINKS = (
    ("accounts_webhookdelivery", "event_id", "accounts_webhookevent"),
    ("accounts_webhookdelivery", "endpoint_id", "accounts_webhookendpoint"),
    ("accounts_webhookattempt", "delivery_id", "accounts_webhookdelivery"),
    ("accounts_notificationread", "notification_id", "accounts_notification"),
    ("accounts_notificationmail", "notification_id", "accounts_notification"),
)


def _name(table: str, column: str) -> str:
    return f"{table}_{column.removesuffix('_id')}_tenant"


ONE_TENANT = "".join(
    f"ALTER TABLE {table} ADD CONSTRAINT {_name(table, column)}"
    f" FOREIGN KEY ({column}, organization_id) REFERENCES {other} (id, organization_id)"
    " ON DELETE CASCADE;"
    for table, column, other in LINKS
)
ONE_TENANT_REVERSE = "".join(
    f"ALTER TABLE {table} DROP CONSTRAINT {_name(table, column)};" for table, column, _ in LINKS
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_webhooks")]

    operations = [
        keep_timestamps(*TABLES),
        migrations.RunSQL(FROZEN, FROZEN_REVERSE),
        migrations.RunSQL(ONE_TENANT, ONE_TENANT_REVERSE),
        *(isolate(table) for table in TABLES),
        forbid("accounts_webhookevent", "UPDATE"),
        forbid("accounts_webhookattempt", "UPDATE"),
    ]
