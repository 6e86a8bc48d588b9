"""The time series of API calls, its exact hourly sums, and the wall around its settings."""

from __future__ import annotations

from django.db import migrations

from config.kit.tenancy import isolate, keep_timestamps
from config.kit.timeseries.operations import CreateSeries
from config.kit.timeseries.series import Rollup, Series

# Eight buckets for each doubling: a percentile read from them is at most 4.5 % off.
LATENCY_BUCKET = """
CREATE FUNCTION latency_bucket(ms int) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT CASE WHEN ms <= 1 THEN 0 ELSE ceil(8 * ln(ms::float8) / ln(2.0::float8) - 1e-9) END
        ::smallint
$$;
"""

API_CALLS = Series(
    name="api_calls",
    columns=(
        ("id", "uuid NOT NULL"),
        ("called_at", "timestamptz NOT NULL"),
        ("organization_id", "uuid NOT NULL"),
        ("api_key_id", "uuid NOT NULL"),
        ("product", "text NOT NULL DEFAULT ''"),
        ("endpoint", "text NOT NULL"),
        ("method", "text NOT NULL"),
        ("status_code", "smallint NOT NULL CHECK (status_code BETWEEN 100 AND 599)"),
        ("latency_ms", "int NOT NULL CHECK (latency_ms >= 0)"),
        ("outcome", "text NOT NULL"),
        ("request_body", "text"),
        ("response_body", "text"),
    ),
    time="called_at",
    interval="day",
    keep_days=90,
    behind_days=3,
    ahead_days=14,
    indexes=("organization_id, called_at DESC, id DESC",),
    rollup=Rollup(
        name="api_calls_hourly",
        dimensions=(
            ("hour", "timestamptz", "date_trunc('hour', called_at, 'UTC')"),
            ("organization_id", "uuid", "organization_id"),
            ("api_key_id", "uuid", "api_key_id"),
            ("product", "text", "product"),
            ("endpoint", "text", "endpoint"),
            ("latency_bucket", "smallint", "public.latency_bucket(latency_ms)"),
        ),
        measures=(
            ("requests", "1"),
            ("errors", "(status_code >= 400 OR outcome <> 'VALID')::int"),
            ("billable", "(outcome = 'VALID')::int"),
            ("latency_ms", "latency_ms"),
        ),
    ),
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_api_calls")]
    operations = [
        keep_timestamps("accounts_callrecording"),
        isolate("accounts_callrecording"),
        migrations.RunSQL(LATENCY_BUCKET, "DROP FUNCTION latency_bucket(int);"),
        CreateSeries(API_CALLS),
    ]
