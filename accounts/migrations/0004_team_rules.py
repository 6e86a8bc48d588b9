"""What the database itself enforces of a team: the wall, an owner at all times, look-ups by token."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import isolate, keep_timestamps

# Asked at the end of the transaction, so that ownership can be handed over in two statements. The
# advisory lock makes a second transaction wait for the first, and then count what it left. The
# function looks behind the wall, because one transaction may have acted for several organizations.
LAST_OWNER = """
CREATE FUNCTION accounts_keep_an_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('accounts_membership:' || OLD.organization_id, 0));
    IF EXISTS (SELECT 1 FROM accounts_organization o
                WHERE o.id = OLD.organization_id AND o.status <> 'closed')
       AND NOT EXISTS (SELECT 1 FROM accounts_membership m
                WHERE m.organization_id = OLD.organization_id AND m.role = 'owner') THEN
        RAISE EXCEPTION 'organization % would have no owner', OLD.organization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_membership_last_owner';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER accounts_membership_last_owner
    AFTER UPDATE OR DELETE ON accounts_membership
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION accounts_keep_an_owner();
ALTER FUNCTION accounts_keep_an_owner() OWNER TO switchyard_lookup;
"""
LAST_OWNER_REVERSE = """
DROP TRIGGER accounts_membership_last_owner ON accounts_membership;
SET ROLE switchyard_lookup;
DROP FUNCTION accounts_keep_an_owner();
RESET ROLE;
"""

# Whoever is invited stands outside the organization. Behind the wall these functions see one
# invitation by the hash of its token, or those that wait for a person's own confirmed addresses.
LOOK_UPS = """
CREATE FUNCTION accounts_find_invitation(wanted_token text)
RETURNS TABLE (id uuid, organization_id uuid, organization_name text, organization_status text,
    email text, role text, invited_by text, expires_at timestamptz, accepted_at timestamptz,
    revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT i.id, i.organization_id, o.name, o.status, i.email, i.role,
           coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), u.email, ''),
           i.expires_at, i.accepted_at, i.revoked_at
      FROM accounts_invitation i
      JOIN accounts_organization o ON o.id = i.organization_id
      LEFT JOIN accounts_user u ON u.id = i.invited_by_id
     WHERE i.token_hash = wanted_token
$$;

CREATE FUNCTION accounts_invitations_of(wanted_user uuid)
RETURNS TABLE (id uuid, organization_id uuid, organization_name text, organization_status text,
    email text, role text, invited_by text, expires_at timestamptz, accepted_at timestamptz,
    revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT i.id, i.organization_id, o.name, o.status, i.email, i.role,
           coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), u.email, ''),
           i.expires_at, i.accepted_at, i.revoked_at
      FROM account_emailaddress a
      JOIN accounts_invitation i ON lower(i.email) = lower(a.email)
      JOIN accounts_organization o ON o.id = i.organization_id
      LEFT JOIN accounts_user u ON u.id = i.invited_by_id
     WHERE a.user_id = wanted_user AND a.verified
       AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND o.status = 'active'
     ORDER BY i.created_at DESC
$$;

ALTER FUNCTION accounts_find_invitation(text) OWNER TO switchyard_lookup;
ALTER FUNCTION accounts_invitations_of(uuid) OWNER TO switchyard_lookup;
"""
LOOK_UPS_REVERSE = """
SET ROLE switchyard_lookup;
DROP FUNCTION accounts_invitations_of(uuid);
DROP FUNCTION accounts_find_invitation(text);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_team"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        keep_timestamps("accounts_invitation"),
        isolate("accounts_invitation"),
        migrations.RunSQL(LAST_OWNER, LAST_OWNER_REVERSE),
        migrations.RunSQL(LOOK_UPS, LOOK_UPS_REVERSE),
    ]
