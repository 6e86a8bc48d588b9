"""What the database itself enforces: fresh timestamps, the tenant wall."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, isolate, keep_timestamps

TOUCH = """
CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(TOUCH, "DROP FUNCTION touch_updated_at();"),
        keep_timestamps(
            "accounts_user",
            "accounts_organization",
            "accounts_membership",
            "accounts_idempotencyrecord",
        ),
        isolate("accounts_organization", column="id"),
        # Before an organization is chosen a person sees those they belong to.
        migrations.RunSQL(
            "CREATE POLICY accounts_organization_own ON accounts_organization FOR SELECT USING ("
            "id IN (SELECT organization_id FROM accounts_membership WHERE user_id = "
            "(SELECT nullif(current_setting('app.current_user_id', true), '')::uuid)));",
            "SELECT 1;",
        ),
        isolate("accounts_membership", own_column="user_id"),
        isolate("accounts_idempotencyrecord"),
        forbid("accounts_user", "DELETE"),
        forbid("accounts_organization", "DELETE"),
    ]
