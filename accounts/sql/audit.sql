-- The audit trail: append-only for every role that Switchyard logs in with.
-- Run by `manage.py setup_database` as an administrator, again after each upgrade: it only adds.
-- The owner, switchyard_audit, cannot log in; rows are written by SECURITY DEFINER functions.

CREATE SCHEMA IF NOT EXISTS audit AUTHORIZATION switchyard_audit;
SET LOCAL ROLE switchyard_audit;

CREATE TABLE IF NOT EXISTS audit.logs (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid            xid8 NOT NULL DEFAULT pg_current_xact_id(),
    actor_kind      text NOT NULL,
    actor_id        text,
    impersonator_id text,
    organization_id uuid,
    action          text NOT NULL,
    entity_type     text NOT NULL,
    entity_id       text,
    old_values      jsonb,
    new_values      jsonb,
    ip              inet,
    user_agent      text,
    request_id      text,
    db_user         name NOT NULL DEFAULT session_user,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE TABLE IF NOT EXISTS audit.logs_default PARTITION OF audit.logs DEFAULT;
CREATE INDEX IF NOT EXISTS logs_entity ON audit.logs (entity_type, entity_id, id);
CREATE INDEX IF NOT EXISTS logs_actor ON audit.logs (actor_id, id);
CREATE INDEX IF NOT EXISTS logs_organization ON audit.logs (organization_id, id);
CREATE INDEX IF NOT EXISTS logs_request ON audit.logs (request_id);
CREATE INDEX IF NOT EXISTS logs_at ON audit.logs USING brin (at);

-- Personal values live here, the trail holds their salted hash: erasing a person leaves the
-- trail whole and says nothing about them any more.
CREATE TABLE IF NOT EXISTS audit.pii (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject_id  text,
    entity_type text NOT NULL,
    column_name text NOT NULL,
    salt        bytea NOT NULL,
    value       jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS pii_subject ON audit.pii (subject_id);

CREATE OR REPLACE FUNCTION audit.deny() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'audit.% is append-only (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE OR REPLACE TRIGGER deny_change BEFORE UPDATE OR DELETE ON audit.logs
    FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE OR REPLACE TRIGGER deny_truncate BEFORE TRUNCATE ON audit.logs
    FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.logs ENABLE ALWAYS TRIGGER deny_change;
ALTER TABLE audit.logs ENABLE ALWAYS TRIGGER deny_truncate;

-- Monthly partitions, made ahead of time. Every audited write queues behind a lock that waits here
-- for a dump or an export to end: it gives up first, and the daily run tries again.
CREATE OR REPLACE FUNCTION audit.prepare_partitions(months_ahead int DEFAULT 3) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, audit, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    first date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    made int := 0;
    starts date;
    part text;
BEGIN
    FOR step IN 0..months_ahead LOOP
        starts := first + make_interval(months => step);
        part := 'logs_' || to_char(starts, 'YYYYMM');
        IF to_regclass('audit.' || part) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE audit.%I PARTITION OF audit.logs FOR VALUES FROM (%L) TO (%L)',
                part, starts::text || ' 00:00:00+00',
                (starts + interval '1 month')::date::text || ' 00:00:00+00');
            EXECUTE format(
                'CREATE TRIGGER deny_truncate BEFORE TRUNCATE ON audit.%I'
                ' FOR EACH STATEMENT EXECUTE FUNCTION audit.deny()', part);
            EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER deny_truncate', part);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT audit.prepare_partitions();

-- The next three are called by the functions below alone, as the trail's owner and with their
-- search_path; setting it anew for each row would cost as much as writing the row.

-- The transaction's context, as config.kit.postgres announced it.
CREATE OR REPLACE FUNCTION audit.context() RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE said text := current_setting('audit.ctx', true);
BEGIN
    IF said <> '' AND pg_input_is_valid(said, 'jsonb') THEN
        RETURN said::jsonb;
    END IF;
    RETURN '{}'::jsonb;
END $$;

CREATE OR REPLACE FUNCTION audit.write(
    p_action text, p_type text, p_id text, p_organization uuid, p_old jsonb, p_new jsonb
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    c jsonb := audit.context();
    written bigint;
BEGIN
    INSERT INTO audit.logs (actor_kind, actor_id, impersonator_id, organization_id, action,
        entity_type, entity_id, old_values, new_values, ip, user_agent, request_id)
    VALUES (coalesce(c->>'actor_kind', 'db:' || session_user), c->>'actor_id',
        c->>'impersonator_id', p_organization, p_action, p_type, p_id, p_old, p_new,
        CASE WHEN pg_input_is_valid(c->>'ip', 'inet') THEN (c->>'ip')::inet END,
        left(c->>'ua', 400), c->>'request_id')
    RETURNING id INTO written;
    RETURN written;
END $$;

-- Replaces personal values by {"$pii": id, "sha256": hash} and keeps the clear ones apart.
CREATE OR REPLACE FUNCTION audit.set_apart(
    etype text, entry jsonb, names text[], subject text
) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    name text;
    grain bytea;
    place uuid;
BEGIN
    IF entry IS NULL THEN
        RETURN NULL;
    END IF;
    FOREACH name IN ARRAY names LOOP
        IF entry ? name AND entry->name NOT IN ('null'::jsonb, '""'::jsonb) THEN
            grain := uuid_send(gen_random_uuid());
            INSERT INTO audit.pii (subject_id, entity_type, column_name, salt, value)
            VALUES (subject, etype, name, grain, entry->name) RETURNING id INTO place;
            entry := jsonb_set(entry, ARRAY[name], jsonb_build_object(
                '$pii', place,
                'sha256', encode(sha256(grain || convert_to((entry->name)::text, 'UTF8')), 'hex')));
        END IF;
    END LOOP;
    RETURN entry;
END $$;

-- Row trigger; arguments: key column, skip{}, mask{}, pii{}, subject column, organization column.
CREATE OR REPLACE FUNCTION audit.capture_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    skip text[] := TG_ARGV[1];
    mask text[] := TG_ARGV[2];
    pii text[] := TG_ARGV[3];
    facts jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
    before jsonb;
    after jsonb;
    subject text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(key, CASE WHEN key = ANY (mask) THEN '"***"' ELSE value END),
               jsonb_object_agg(key, CASE WHEN key = ANY (mask) THEN '"***"' ELSE facts->key END)
          INTO before, after
          FROM jsonb_each(to_jsonb(OLD))
         WHERE value IS DISTINCT FROM facts->key AND key <> ALL (skip);
        IF before IS NULL THEN
            RETURN NULL;
        END IF;
    ELSE
        after := facts - skip;
        IF cardinality(mask) > 0 THEN
            SELECT jsonb_object_agg(key,
                CASE WHEN key = ANY (mask) AND value <> 'null' THEN '"***"' ELSE value END)
              INTO after FROM jsonb_each(after);
        END IF;
        IF TG_OP = 'DELETE' THEN before := after; after := NULL; END IF;
    END IF;
    IF cardinality(pii) > 0 THEN
        subject := facts->>TG_ARGV[4];
        before := audit.set_apart(TG_TABLE_NAME, before, pii, subject);
        after := audit.set_apart(TG_TABLE_NAME, after, pii, subject);
    END IF;
    PERFORM audit.write(lower(TG_OP), TG_TABLE_NAME, facts->>TG_ARGV[0],
        (facts->>TG_ARGV[5])::uuid, before, after);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION audit.capture_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    PERFORM audit.write('truncate', TG_TABLE_NAME, NULL, NULL, NULL, NULL);
    RETURN NULL;
END $$;

-- Business events that are no row change: a login, a key shown, a page of personal data read.
CREATE OR REPLACE FUNCTION audit.event(
    p_action text, p_type text, p_id text, p_organization uuid, p_facts jsonb
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT audit.write(p_action, p_type, p_id, p_organization, NULL, p_facts)
$$;

-- Sealing. Every minute a task hashes the rows that have become final, chains the hash to the seal
-- before and signs it with a key that is not in the database (accounts/services/seals). A row is
-- final when its transaction is older than every transaction still running, so a late commit is
-- never passed over; numbers missing because of a rollback mean nothing.
CREATE INDEX IF NOT EXISTS logs_txid ON audit.logs (txid);

CREATE TABLE IF NOT EXISTS audit.seals (
    seq           bigint PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('window', 'anchor')),
    system_id     text NOT NULL,
    after_id      bigint NOT NULL,
    covered_id    bigint NOT NULL,
    upto_id       bigint,
    from_txid     xid8 NOT NULL,
    until_txid    xid8 NOT NULL,
    row_count     bigint NOT NULL,
    first_id      bigint,
    last_id       bigint,
    first_at      timestamptz,
    last_at       timestamptz,
    canon_version smallint NOT NULL,
    rows_digest   bytea NOT NULL,
    previous      bytea NOT NULL UNIQUE,
    hash          bytea NOT NULL UNIQUE,
    key_id        text NOT NULL,
    mac           text NOT NULL,
    sealed_at     timestamptz NOT NULL
);

-- A seal follows the newest one: two sealers at once cannot fork the chain.
CREATE OR REPLACE FUNCTION audit.seal_follows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE head audit.seals;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit.seals'));
    SELECT * INTO head FROM audit.seals ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> coalesce(head.seq, 0) + 1
        OR NEW.previous <> coalesce(head.hash, sha256(''::bytea)) THEN
        RAISE EXCEPTION 'seal % does not follow seal %', NEW.seq, coalesce(head.seq, 0)
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER seal_follows BEFORE INSERT ON audit.seals
    FOR EACH ROW EXECUTE FUNCTION audit.seal_follows();
CREATE OR REPLACE TRIGGER deny_change BEFORE UPDATE OR DELETE ON audit.seals
    FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE OR REPLACE TRIGGER deny_truncate BEFORE TRUNCATE ON audit.seals
    FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.seals ENABLE ALWAYS TRIGGER seal_follows;
ALTER TABLE audit.seals ENABLE ALWAYS TRIGGER deny_change;
ALTER TABLE audit.seals ENABLE ALWAYS TRIGGER deny_truncate;

-- What is hashed of a row, version 1. A change of its shape is a new function and a new version.
CREATE OR REPLACE FUNCTION audit.canon_1(l audit.logs) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT convert_to(jsonb_build_array(
        l.id, extract(epoch FROM l.at)::numeric(20, 6), l.txid::text, l.actor_kind, l.actor_id,
        l.impersonator_id, l.organization_id, l.action, l.entity_type, l.entity_id, l.old_values,
        l.new_values, host(l.ip), l.user_agent, l.request_id, l.db_user)::text, 'UTF8')
$$;

CREATE OR REPLACE FUNCTION audit.system_identifier() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT system_identifier::text FROM pg_control_system()
$$;

-- After a dump was restored into another cluster, transaction numbers begin anew. With nobody
-- writing, everything that is not sealed yet goes into one anchor seal; windows begin after it.
CREATE OR REPLACE FUNCTION audit.hold_writers() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    LOCK TABLE audit.logs IN SHARE MODE;
    RETURN (SELECT coalesce(max(id), 0) FROM audit.logs);
END $$;

-- Retention: whole months leave, their seals stay. What left is remembered, so that verification
-- can tell a month that was due from one that was torn out.
CREATE TABLE IF NOT EXISTS audit.retired (
    part       text PRIMARY KEY,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    row_count  bigint NOT NULL,
    retired_at timestamptz NOT NULL DEFAULT now()
);
CREATE OR REPLACE TRIGGER deny_change BEFORE UPDATE OR DELETE ON audit.retired
    FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE OR REPLACE TRIGGER deny_truncate BEFORE TRUNCATE ON audit.retired
    FOR EACH STATEMENT EXECUTE FUNCTION audit.deny();
ALTER TABLE audit.retired ENABLE ALWAYS TRIGGER deny_change;
ALTER TABLE audit.retired ENABLE ALWAYS TRIGGER deny_truncate;

-- Drops the months that ended more than `keep_months` ago and are sealed past their end; returns
-- their names. Fewer than 12 months is refused here, whoever asks. Gives up on a lock as above.
CREATE OR REPLACE FUNCTION audit.retire_partitions(keep_months int) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, audit, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    part text;
    starts timestamptz;
    ends timestamptz;
    held bigint;
    gone text[] := '{}';
BEGIN
    IF keep_months IS NULL OR keep_months < 12 THEN
        RAISE EXCEPTION 'the audit trail is kept for 12 months at least'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('audit.seals'));
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit.logs'::regclass AND c.relname ~ '^logs_[0-9]{6}$'
        ORDER BY c.relname
    LOOP
        starts := to_date(right(part, 6), 'YYYYMM')::timestamp AT TIME ZONE 'UTC';
        ends := (to_date(right(part, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC';
        CONTINUE WHEN ends > now() - make_interval(months => keep_months)
            OR NOT EXISTS (SELECT 1 FROM audit.seals WHERE first_at > ends + interval '1 day');
        EXECUTE format('SELECT count(*) FROM audit.%I', part) INTO held;
        EXECUTE format('ALTER TABLE audit.logs DETACH PARTITION audit.%I', part);
        EXECUTE format('DROP TABLE audit.%I', part);
        INSERT INTO audit.retired (part, starts_at, ends_at, row_count)
        VALUES (part, starts, ends, held);
        DELETE FROM audit.pii WHERE created_at < ends;
        PERFORM audit.write('audit.month_retired', 'audit.logs', part, NULL, NULL,
            jsonb_build_object('rows', held));
        gone := gone || part;
    END LOOP;
    RETURN gone;
END $$;

-- Forgets a person: their clear values go, the salted hashes in the trail then say nothing. Values
-- equal to one of `p_values` (their addresses) go wherever they stand, in an invitation for example.
CREATE OR REPLACE FUNCTION audit.erase_subject(
    p_subject text, p_reason text, p_values text[] DEFAULT '{}'
) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE erased int;
BEGIN
    IF p_subject IS NULL OR coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'erasing names a subject and a reason'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM audit.pii WHERE subject_id = p_subject
        OR value IN (SELECT to_jsonb(each) FROM unnest(p_values) AS each);
    GET DIAGNOSTICS erased = ROW_COUNT;
    PERFORM audit.write('user.erased', 'accounts_user', p_subject, NULL, NULL,
        jsonb_build_object('values_erased', erased, 'reason', p_reason));
    RETURN erased;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO switchyard_owner, switchyard_app, switchyard_system;
GRANT EXECUTE ON FUNCTION audit.capture_row(), audit.capture_truncate() TO switchyard_owner;
GRANT EXECUTE ON FUNCTION audit.event(text, text, text, uuid, jsonb)
    TO switchyard_app, switchyard_system;
GRANT EXECUTE ON FUNCTION audit.prepare_partitions(int) TO switchyard_system;
GRANT SELECT ON audit.logs TO switchyard_app, switchyard_system;
GRANT SELECT ON audit.logs_default, audit.pii, audit.seals, audit.retired TO switchyard_system;
-- The system role seals: the key lives in its environment, and the table lets it add the next seal
-- and nothing else. A role of its own would sit in the same environment and protect nothing more.
GRANT INSERT ON audit.seals TO switchyard_system;
GRANT EXECUTE ON FUNCTION audit.canon_1(audit.logs), audit.system_identifier(),
    audit.hold_writers(), audit.retire_partitions(int), audit.erase_subject(text, text, text[])
    TO switchyard_system;

-- The wall stands here too: customers read the trail of their own organization.
ALTER TABLE audit.logs ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS logs_organization ON audit.logs;
CREATE POLICY logs_organization ON audit.logs FOR SELECT TO switchyard_app
    USING (organization_id = (SELECT nullif(current_setting('app.current_org_id', true), '')::uuid));
-- A login happens before an organization is chosen: a person reads the trail of their own account.
DROP POLICY IF EXISTS logs_own ON audit.logs;
CREATE POLICY logs_own ON audit.logs FOR SELECT TO switchyard_app
    USING (entity_type = 'accounts_user'
        AND entity_id = (SELECT nullif(current_setting('app.current_user_id', true), '')));
