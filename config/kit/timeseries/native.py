"""The native engine: range partitions made ahead of time, dropped when their time is over."""

from __future__ import annotations

from config.kit.timeseries.series import SCHEMA, Series
from config.kit.timeseries.shared import SYSTEM, index_statements, table_body

_FORMATS = {"day": "YYYYMMDD", "month": "YYYYMM"}


def create_table(series: Series, table: str) -> str:
    """Make the partitioned table and the default partition, where nothing should ever be."""
    return (
        f"CREATE TABLE {table} {table_body(series)} PARTITION BY RANGE ({series.time});"
        f"{index_statements(series, table)}"
        f"CREATE TABLE {SCHEMA}.{series.name}_default PARTITION OF {table} DEFAULT;"
        f"GRANT SELECT ON {SCHEMA}.{series.name}_default TO {SYSTEM};"
    )


def create_upkeep(series: Series) -> str:
    """Make the two functions that beat calls: prepare partitions, retire old ones.

    They run as the owner of the tables, because no role that works day by day owns any. A
    partition for rows that wait in the default one takes them in: there the triggers do not fire,
    and the roll-up has counted them already.
    """
    return _prepare(series) + _retire(series)


def _prepare(series: Series) -> str:
    default = f"{SCHEMA}.{series.name}_default"
    return f"""
CREATE FUNCTION {SCHEMA}.{series.name}_prepare(p_at timestamptz) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, {SCHEMA}, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    starts timestamptz := date_trunc('{series.interval}',
        p_at - interval '{series.behind_days} days', 'UTC');
    ends timestamptz;
    part text;
    made int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('{series.table}', 0));
    WHILE starts <= p_at + interval '{series.ahead_days} days' LOOP
        ends := (starts AT TIME ZONE 'UTC' + interval '1 {series.interval}') AT TIME ZONE 'UTC';
        part := '{series.name}_' || to_char(starts AT TIME ZONE 'UTC',
            '{_FORMATS[series.interval]}');
        IF to_regclass('{SCHEMA}.' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE {SCHEMA}.%I (LIKE {series.table}'
                ' INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
            EXECUTE format('WITH late AS (DELETE FROM {default}'
                ' WHERE {series.time} >= %L AND {series.time} < %L RETURNING *)'
                ' INSERT INTO {SCHEMA}.%I SELECT * FROM late', starts, ends, part);
            EXECUTE format('ALTER TABLE {series.table} ATTACH PARTITION {SCHEMA}.%I'
                ' FOR VALUES FROM (%L) TO (%L)', part, starts, ends);
            made := made + 1;
        END IF;
        starts := ends;
    END LOOP;
    RETURN made;
END $$;
"""


def _retire(series: Series) -> str:
    # The planner may look at other relations' names first: only ours are read as dates.
    form = _FORMATS[series.interval]
    ours = f"^{series.name}_[0-9]{{{len(form)}}}$"
    return f"""
CREATE FUNCTION {SCHEMA}.{series.name}_retire(p_at timestamptz, p_keep_days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, {SCHEMA}, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    before timestamptz := p_at - make_interval(days => p_keep_days);
    part name;
    dropped int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('{series.table}', 0));
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = '{series.table}'::regclass
           AND CASE WHEN c.relname ~ '{ours}' THEN
               (to_date(substring(c.relname from '[0-9]+$'), '{form}')::timestamp
                + interval '1 {series.interval}') AT TIME ZONE 'UTC' <= before END
         ORDER BY 1
    LOOP
        EXECUTE format('ALTER TABLE {series.table} DETACH PARTITION {SCHEMA}.%I', part);
        EXECUTE format('DROP TABLE {SCHEMA}.%I', part);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM {SCHEMA}.{series.name}_default WHERE {series.time} < before;
    RETURN dropped;
END $$;
"""
