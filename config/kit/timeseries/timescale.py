"""The TimescaleDB engine: a hypertable, compressed by a policy and retired by our own upkeep.

There is no retention policy: TimescaleDB may run one the moment it is added, and what a series is
declared with would drop rows that the operator's settings keep.

The roll-up is the same trigger-kept table as on native partitions, not a continuous aggregate:
an aggregate lags behind by its refresh policy, forgets a period that is refreshed after its raw
chunks were dropped, and cannot be read as part of the transaction that wrote; metering needs sums
that are exact at every commit. Statement triggers with transition tables work on hypertables since
TimescaleDB 2.18; deleting rows of a compressed chunk with them needs the chunk decompressed first.
"""

from __future__ import annotations

from config.kit.timeseries.series import SCHEMA, Series
from config.kit.timeseries.shared import index_statements, table_body

OLDEST = (2, 18)
"""The first version whose hypertables have statement triggers with transition tables."""


def create_table(series: Series, table: str) -> str:
    """Make the hypertable; its indexes are ours, so the one on time is not made twice."""
    return (
        f"CREATE TABLE {table} {table_body(series)};"
        f"SELECT create_hypertable('{table}', by_range('{series.time}',"
        f" INTERVAL '1 {series.interval}'), create_default_indexes => false);"
        f"{index_statements(series, table)}"
    )


def add_policies(series: Series) -> str:
    """Compress by a policy; the community edition has them, the Apache one does not."""
    return f"""
DO $$
BEGIN
    IF to_regproc('add_compression_policy') IS NOT NULL
       AND current_setting('timescaledb.license', true) = 'timescale' THEN
        ALTER TABLE {series.table} SET (timescaledb.compress,
            timescaledb.compress_segmentby = '{series.tenant}',
            timescaledb.compress_orderby = '{series.time} DESC, {series.key}');
        PERFORM add_compression_policy('{series.table}',
            INTERVAL '{series.compress_after_days} days', if_not_exists => true);
    END IF;
END $$;
"""


def create_upkeep(series: Series) -> str:
    """Make the functions that the native engine has too.

    Chunks make themselves, so there is nothing to prepare.
    """
    return f"""
CREATE FUNCTION {SCHEMA}.{series.name}_prepare(p_at timestamptz) RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 0';
CREATE FUNCTION {SCHEMA}.{series.name}_retire(p_at timestamptz, p_keep_days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, {SCHEMA}, pg_temp AS $$
DECLARE
    dropped int;
BEGIN
    SELECT count(*) INTO dropped
      FROM drop_chunks('{series.table}', older_than => p_at - make_interval(days => p_keep_days));
    RETURN dropped;
END $$;
"""
