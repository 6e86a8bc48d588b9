"""What the database itself enforces: versions that grow, one tenant, the wall, look-ups by hash."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, isolate, keep_timestamps

# A version never falls and grows with every fact that the caches hold.
VERSION = """
CREATE FUNCTION licensing_count_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF (NEW.organization_id, NEW.product_id, NEW.plan, NEW.key_hash, NEW.max_devices,
        NEW.starts_at, NEW.expires_at, NEW.status, NEW.suspended_reason)
       IS DISTINCT FROM
       (OLD.organization_id, OLD.product_id, OLD.plan, OLD.key_hash, OLD.max_devices,
        OLD.starts_at, OLD.expires_at, OLD.status, OLD.suspended_reason) THEN
        NEW.version := greatest(NEW.version, OLD.version + 1);
    ELSE
        NEW.version := greatest(NEW.version, OLD.version);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER licensing_license_version BEFORE UPDATE ON licensing_license
    FOR EACH ROW EXECUTE FUNCTION licensing_count_version();

CREATE FUNCTION licensing_count_device_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.license_id, NEW.device_id, NEW.token_hash, NEW.activated_at,
        NEW.deactivated_at) IS NOT DISTINCT FROM (OLD.license_id, OLD.device_id, OLD.token_hash,
        OLD.activated_at, OLD.deactivated_at) THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        UPDATE licensing_license SET version = version + 1 WHERE id = OLD.license_id;
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.license_id <> OLD.license_id) THEN
        UPDATE licensing_license SET version = version + 1 WHERE id = NEW.license_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER licensing_devicelink_version AFTER INSERT OR UPDATE OR DELETE
    ON licensing_devicelink FOR EACH ROW EXECUTE FUNCTION licensing_count_device_change();
"""
VERSION_REVERSE = """
DROP TRIGGER licensing_devicelink_version ON licensing_devicelink;
DROP FUNCTION licensing_count_device_change();
DROP TRIGGER licensing_license_version ON licensing_license;
DROP FUNCTION licensing_count_version();
"""

ONE_TENANT = """
ALTER TABLE licensing_devicelink ADD CONSTRAINT licensing_device_tenant
    FOREIGN KEY (license_id, organization_id) REFERENCES licensing_license (id, organization_id);
"""

# The web process lets devices in and out; what a license is worth only workers and staff change.
PRIVILEGES = """
REVOKE INSERT, UPDATE ON licensing_license FROM switchyard_app;
GRANT UPDATE (version, published_version) ON licensing_license TO switchyard_app;
"""
PRIVILEGES_REVERSE = "GRANT INSERT, UPDATE ON licensing_license TO switchyard_app;"

# Programs come with a key or a token before anybody knows whose it is. These functions look
# behind the wall for exactly one row, found by the hash of its secret.
LOOK_UPS = """
CREATE FUNCTION licensing_find_license(wanted_key text, wanted_device text)
RETURNS TABLE (license_id uuid, organization_id uuid, version bigint, status text,
    suspended_reason text, plan text, product text, starts_at timestamptz,
    expires_at timestamptz, max_devices int, active_devices bigint,
    link_id uuid, activated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT l.id, l.organization_id, l.version, l.status, l.suspended_reason, l.plan, p.slug,
           l.starts_at, l.expires_at, l.max_devices,
           (SELECT count(*) FROM licensing_devicelink d
             WHERE d.license_id = l.id AND d.deactivated_at IS NULL),
           link.id, link.activated_at
      FROM licensing_license l
      JOIN billing_product p ON p.id = l.product_id
      LEFT JOIN licensing_devicelink link ON link.license_id = l.id
           AND link.device_id = wanted_device AND link.deactivated_at IS NULL
     WHERE l.key_hash = wanted_key
$$;

CREATE FUNCTION licensing_find_device(wanted_link uuid, wanted_token text)
RETURNS TABLE (license_id uuid, organization_id uuid, version bigint, status text,
    suspended_reason text, plan text, product text, starts_at timestamptz,
    expires_at timestamptz, max_devices int, active_devices bigint,
    link_id uuid, activated_at timestamptz, deactivated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT l.id, l.organization_id, l.version, l.status, l.suspended_reason, l.plan, p.slug,
           l.starts_at, l.expires_at, l.max_devices,
           (SELECT count(*) FROM licensing_devicelink d
             WHERE d.license_id = l.id AND d.deactivated_at IS NULL),
           link.id, link.activated_at, link.deactivated_at
      FROM licensing_devicelink link
      JOIN licensing_license l ON l.id = link.license_id
      JOIN billing_product p ON p.id = l.product_id
     WHERE link.token_hash = wanted_token AND (wanted_link IS NULL OR link.id = wanted_link)
$$;

ALTER FUNCTION licensing_find_license(text, text) OWNER TO switchyard_lookup;
ALTER FUNCTION licensing_find_device(uuid, text) OWNER TO switchyard_lookup;
"""
LOOK_UPS_REVERSE = """
SET ROLE switchyard_lookup;
DROP FUNCTION licensing_find_device(uuid, text);
DROP FUNCTION licensing_find_license(text, text);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("licensing", "0001_initial")]

    operations = [
        keep_timestamps("licensing_license", "licensing_devicelink"),
        migrations.RunSQL(VERSION, VERSION_REVERSE),
        migrations.RunSQL(
            ONE_TENANT,
            "ALTER TABLE licensing_devicelink DROP CONSTRAINT licensing_device_tenant;",
        ),
        isolate("licensing_license"),
        isolate("licensing_devicelink"),
        forbid("licensing_license", "DELETE"),
        forbid("licensing_devicelink", "DELETE"),
        migrations.RunSQL(PRIVILEGES, PRIVILEGES_REVERSE),
        migrations.RunSQL(LOOK_UPS, LOOK_UPS_REVERSE),
    ]
