"""What the database itself enforces of API keys: versions, one tenant, the wall, look-ups."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import forbid, isolate, keep_timestamps

# A version never falls, and grows with every fact that the caches hold.
VERSION = """
CREATE FUNCTION accounts_count_apikey_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF (NEW.organization_id, NEW.key_hash, NEW.environment, NEW.name, NEW.scopes, NEW.tier,
        NEW.status, NEW.is_active, NEW.allowed_cidrs, NEW.expires_at, NEW.overlap_ends_at,
        NEW.external_id, NEW.metadata)
       IS DISTINCT FROM
       (OLD.organization_id, OLD.key_hash, OLD.environment, OLD.name, OLD.scopes, OLD.tier,
        OLD.status, OLD.is_active, OLD.allowed_cidrs, OLD.expires_at, OLD.overlap_ends_at,
        OLD.external_id, OLD.metadata) THEN
        NEW.version := greatest(NEW.version, OLD.version + 1);
    ELSE
        NEW.version := greatest(NEW.version, OLD.version);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_apikey_version BEFORE UPDATE ON accounts_apikey
    FOR EACH ROW EXECUTE FUNCTION accounts_count_apikey_version();

CREATE FUNCTION accounts_renew_apikeys(changed uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public AS $$
    UPDATE accounts_apikey SET version = version + 1
     WHERE organization_id = changed AND status <> 'revoked'
$$;

-- An organization's standing, tier and limits are part of what is known of each of its keys.
CREATE FUNCTION accounts_organization_renews_apikeys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM accounts_renew_apikeys(NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_organization_apikeys AFTER UPDATE OF status, subscription_tier
    ON accounts_organization FOR EACH ROW
    WHEN ((OLD.status, OLD.subscription_tier) IS DISTINCT FROM (NEW.status, NEW.subscription_tier))
    EXECUTE FUNCTION accounts_organization_renews_apikeys();

CREATE FUNCTION accounts_allowance_renews_apikeys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM accounts_renew_apikeys(coalesce(NEW.organization_id, OLD.organization_id));
    RETURN NULL;
END $$;
CREATE TRIGGER accounts_apiallowance_apikeys AFTER INSERT OR UPDATE OR DELETE
    ON accounts_apiallowance FOR EACH ROW EXECUTE FUNCTION accounts_allowance_renews_apikeys();
"""
VERSION_REVERSE = """
DROP TRIGGER accounts_apiallowance_apikeys ON accounts_apiallowance;
DROP FUNCTION accounts_allowance_renews_apikeys();
DROP TRIGGER accounts_organization_apikeys ON accounts_organization;
DROP FUNCTION accounts_organization_renews_apikeys();
DROP FUNCTION accounts_renew_apikeys(uuid);
DROP TRIGGER accounts_apikey_version ON accounts_apikey;
DROP FUNCTION accounts_count_apikey_version();
"""

ONE_TENANT = """
ALTER TABLE accounts_apikey ADD CONSTRAINT accounts_apikey_successor
    FOREIGN KEY (rotated_to_id, organization_id) REFERENCES accounts_apikey (id, organization_id);
ALTER TABLE accounts_apikey ADD CONSTRAINT accounts_apikey_metadata
    CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192);
"""
ONE_TENANT_REVERSE = """
ALTER TABLE accounts_apikey DROP CONSTRAINT accounts_apikey_metadata;
ALTER TABLE accounts_apikey DROP CONSTRAINT accounts_apikey_successor;
"""

# A revoked key stays revoked, and only staff (the system role) let a key look across tenants.
GUARD = """
CREATE FUNCTION accounts_guard_apikey() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status = 'revoked' AND NEW.status <> 'revoked' THEN
            RAISE EXCEPTION 'a revoked API key stays revoked' USING ERRCODE = 'check_violation';
        END IF;
        IF OLD.status <> 'pending_verification' AND NEW.status = 'pending_verification' THEN
            RAISE EXCEPTION 'a confirmed API key stays confirmed' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF current_user = 'switchyard_app' AND 'platform:verify' = ANY (NEW.scopes)
       AND (TG_OP = 'INSERT' OR NOT 'platform:verify' = ANY (OLD.scopes)) THEN
        RAISE EXCEPTION 'platform:verify is granted by staff'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounts_apikey_guard BEFORE INSERT OR UPDATE ON accounts_apikey
    FOR EACH ROW EXECUTE FUNCTION accounts_guard_apikey();
"""
GUARD_REVERSE = """
DROP TRIGGER accounts_apikey_guard ON accounts_apikey;
DROP FUNCTION accounts_guard_apikey();
"""

# A program comes with a key before anybody knows whose it is. This looks behind the wall for
# exactly one row, found by the keyed hash of the whole key.
LOOK_UP = """
CREATE FUNCTION accounts_find_api_key(wanted text[])
RETURNS TABLE (id uuid, organization_id uuid, version bigint, status text, is_active boolean,
    environment text, name text, scopes text[], tier text, allowed_cidrs text[],
    expires_at timestamptz, overlap_ends_at timestamptz, external_id text, metadata jsonb,
    organization_status text, organization_tier text, allowances jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.id, k.organization_id, k.version, k.status, k.is_active, k.environment, k.name,
           k.scopes::text[], k.tier, k.allowed_cidrs::text[], k.expires_at, k.overlap_ends_at,
           k.external_id, k.metadata, o.status, o.subscription_tier,
           (SELECT coalesce(jsonb_object_agg(a.product, jsonb_build_array(
                        a.tier, a.requests_per_minute, a.monthly_quota)), '{}'::jsonb)
              FROM accounts_apiallowance a WHERE a.organization_id = k.organization_id)
      FROM accounts_apikey k
      JOIN accounts_organization o ON o.id = k.organization_id
     WHERE k.key_hash = ANY (wanted)
$$;
ALTER FUNCTION accounts_find_api_key(text[]) OWNER TO switchyard_lookup;
"""
LOOK_UP_REVERSE = """
SET ROLE switchyard_lookup;
DROP FUNCTION accounts_find_api_key(text[]);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_api_keys")]

    operations = [
        keep_timestamps("accounts_apikey", "accounts_apiallowance"),
        migrations.RunSQL(VERSION, VERSION_REVERSE),
        migrations.RunSQL(ONE_TENANT, ONE_TENANT_REVERSE),
        migrations.RunSQL(GUARD, GUARD_REVERSE),
        isolate("accounts_apikey"),
        isolate("accounts_apiallowance"),
        forbid("accounts_apikey", "DELETE"),
        # What was bought is written by workers, when it is paid.
        forbid("accounts_apiallowance", "INSERT", "UPDATE", "DELETE"),
        migrations.RunSQL(LOOK_UP, LOOK_UP_REVERSE),
    ]
