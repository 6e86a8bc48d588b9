"""Notes are for staff alone; the figures that the back office shows of its people."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, keep_timestamps

STATS = """
CREATE FUNCTION get_user_stats() RETURNS TABLE(
    total_users bigint, active_users_today bigint, new_users_this_week bigint,
    total_usage_metrics bigint
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public SET timezone = 'UTC' AS $$
BEGIN
    RETURN QUERY SELECT
        (SELECT count(*) FROM accounts_user),
        (SELECT count(DISTINCT a.user_id) FROM accounts_useractivity a
          WHERE a.created_at >= current_date),
        (SELECT count(*) FROM accounts_user u
          WHERE u.created_at >= current_date - interval '7 days'),
        (SELECT count(*) FROM billing_usagerecord);
END $$;
REVOKE EXECUTE ON FUNCTION get_user_stats() FROM switchyard_app;
"""
# Of two actions that are equally common the one that comes first in the alphabet is named.
SUMMARY = """
CREATE FUNCTION get_user_activity_summary(user_uuid uuid) RETURNS TABLE(
    total_actions bigint, actions_this_week bigint, last_activity timestamptz,
    most_common_action text
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public SET timezone = 'UTC' AS $$
BEGIN
    RETURN QUERY SELECT
        count(*),
        count(*) FILTER (WHERE a.created_at >= current_date - interval '7 days'),
        max(a.created_at),
        (SELECT common.action::text FROM accounts_useractivity common
          WHERE common.user_id = user_uuid
          GROUP BY common.action ORDER BY count(*) DESC, common.action LIMIT 1)
    FROM accounts_useractivity a WHERE a.user_id = user_uuid;
END $$;
REVOKE EXECUTE ON FUNCTION get_user_activity_summary(uuid) FROM switchyard_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("support", "0001_initial"),
        ("billing", "0005_metering_rules"),
    ]

    operations = [
        keep_timestamps("support_adminnote"),
        forbid("support_adminnote", "SELECT", "INSERT", "UPDATE", "DELETE"),
        migrations.RunSQL(STATS, "DROP FUNCTION get_user_stats();"),
        migrations.RunSQL(SUMMARY, "DROP FUNCTION get_user_activity_summary(uuid);"),
    ]
