-- What each role may do in this database. Run by `manage.py setup_database` as an administrator,
-- after roles.sql; repeatable.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- Temporary tables are for the one role that stages rows in them. Functions with more rights than
-- their caller also name pg_temp last in their search_path: it would be looked into first.
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO switchyard_system', current_database());
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO switchyard_owner;
GRANT USAGE ON SCHEMA public TO switchyard_app, switchyard_system;
GRANT USAGE, CREATE ON SCHEMA public TO switchyard_lookup;
ALTER DEFAULT PRIVILEGES FOR ROLE switchyard_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO switchyard_app, switchyard_system;
ALTER DEFAULT PRIVILEGES FOR ROLE switchyard_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO switchyard_app, switchyard_system;
ALTER DEFAULT PRIVILEGES FOR ROLE switchyard_owner
    REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE switchyard_owner IN SCHEMA public
    GRANT EXECUTE ON FUNCTIONS TO switchyard_app, switchyard_system;
ALTER DEFAULT PRIVILEGES FOR ROLE switchyard_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO switchyard_lookup;

-- Raw time series (config.kit.timeseries): the app role may not even look inside, it reads views.
CREATE SCHEMA IF NOT EXISTS series AUTHORIZATION switchyard_owner;
GRANT USAGE ON SCHEMA series TO switchyard_system;
