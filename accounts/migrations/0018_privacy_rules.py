"""An export is its person's or its organization's; staff begin a look, the site only ends it."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, keep_timestamps

# Exports about a person belong to the person, whichever organization they act for.
WALL = """
ALTER TABLE accounts_dataexport ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_dataexport FORCE ROW LEVEL SECURITY;
CREATE POLICY accounts_dataexport_organization ON accounts_dataexport USING (
    (organization_id IS NULL
        AND user_id = (SELECT nullif(current_setting('app.current_user_id', true), '')::uuid))
    OR organization_id = (SELECT nullif(current_setting('app.current_org_id', true), '')::uuid));
"""
NO_WALL = """
DROP POLICY accounts_dataexport_organization ON accounts_dataexport;
ALTER TABLE accounts_dataexport NO FORCE ROW LEVEL SECURITY;
ALTER TABLE accounts_dataexport DISABLE ROW LEVEL SECURITY;
"""
# The site may start and end a look that a member of staff has asked for in the back office; who
# looks at whom, and why, it cannot write.
ONLY_TIMES = """
GRANT UPDATE (started_at, expires_at, ended_at) ON accounts_impersonation TO switchyard_app;
"""
ALL_COLUMNS = """
REVOKE UPDATE (started_at, expires_at, ended_at) ON accounts_impersonation FROM switchyard_app;
"""

# Staff are appointed in the back office or on the command line, by the system role.
NO_STAFF = """
CREATE FUNCTION accounts_guard_staff() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user = 'switchyard_app' AND (TG_OP = 'INSERT'
        OR (NEW.role, NEW.is_superuser) IS DISTINCT FROM (OLD.role, OLD.is_superuser)) THEN
        RAISE EXCEPTION 'staff are appointed in the back office'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_user_staff BEFORE INSERT OR UPDATE ON accounts_user
    FOR EACH ROW WHEN (NEW.role <> 'customer' OR NEW.is_superuser)
    EXECUTE FUNCTION accounts_guard_staff();
"""
NO_GUARD = """
DROP TRIGGER accounts_user_staff ON accounts_user;
DROP FUNCTION accounts_guard_staff();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_privacy")]

    operations = [
        keep_timestamps("accounts_trailalert", "accounts_dataexport", "accounts_impersonation"),
        migrations.RunSQL(WALL, NO_WALL),
        forbid("accounts_dataexport", "DELETE"),
        forbid("accounts_impersonation", "INSERT", "UPDATE", "DELETE"),
        migrations.RunSQL(ONLY_TIMES, ALL_COLUMNS),
        forbid("accounts_trailalert", "SELECT", "INSERT", "UPDATE", "DELETE"),
        migrations.RunSQL(NO_STAFF, NO_GUARD),
    ]
