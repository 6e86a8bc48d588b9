-- The roles: of the whole server, and all that a restore needs to find before it. Run by
-- `manage.py setup_database` as an administrator, before privileges.sql; repeatable.
-- owner migrates; app serves customers behind row-level security; system works for all tenants;
-- backup copies.

DO $$
DECLARE role text;
BEGIN
    FOREACH role IN ARRAY ARRAY[
        'switchyard_owner', 'switchyard_app', 'switchyard_system', 'switchyard_backup'
    ] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'switchyard_audit') THEN
        CREATE ROLE switchyard_audit NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'switchyard_lookup') THEN
        CREATE ROLE switchyard_lookup NOLOGIN;
    END IF;
END $$;

ALTER ROLE switchyard_owner NOSUPERUSER NOBYPASSRLS NOCREATEROLE;
ALTER ROLE switchyard_app NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
ALTER ROLE switchyard_system NOSUPERUSER BYPASSRLS NOCREATEROLE NOCREATEDB;
-- backup reads everything, changes nothing and owns nothing; CREATEDB lets `verify_backup` restore
-- into a scratch database of its own without an administrator's password.
ALTER ROLE switchyard_backup NOSUPERUSER BYPASSRLS NOCREATEROLE CREATEDB;
GRANT pg_read_all_data TO switchyard_backup;
ALTER ROLE switchyard_backup SET default_transaction_read_only = on;
-- Database health shows what every session does, not only those of the same role.
GRANT pg_read_all_stats TO switchyard_system;
DO $$ BEGIN
    -- PostgreSQL 17 and newer: `dbmaintain` may rebuild the audit trail's indexes too.
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pg_maintain') THEN
        GRANT pg_maintain TO switchyard_owner;
    END IF;
END $$;
-- lookup owns the few SECURITY DEFINER functions that find a row by the hash of a secret before
-- the organization is known: in a migration, ALTER FUNCTION ... OWNER TO switchyard_lookup.
ALTER ROLE switchyard_lookup NOSUPERUSER BYPASSRLS NOCREATEROLE NOCREATEDB;
GRANT switchyard_lookup TO switchyard_owner WITH INHERIT FALSE, SET TRUE;
-- A query that hangs must not hold a web thread for ever.
ALTER ROLE switchyard_app SET statement_timeout = '15s';
ALTER ROLE switchyard_app SET lock_timeout = '5s';
ALTER ROLE switchyard_app SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE switchyard_owner SET lock_timeout = '10s';
