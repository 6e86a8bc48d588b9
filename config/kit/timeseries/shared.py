"""The SQL that both engines share: the roll-up and its triggers, the views, the privileges."""

from __future__ import annotations

from config.kit.timeseries.series import SCHEMA, Rollup, Series

SYSTEM, APP = "switchyard_system", "switchyard_app"
_MINE = "(SELECT nullif(current_setting('app.current_org_id', true), '')::uuid)"


def table_body(series: Series) -> str:
    """Return columns and primary key, in brackets, as CREATE TABLE wants them."""
    columns = [f"{name} {kind}" for name, kind in series.columns]
    return f"({', '.join(columns)}, PRIMARY KEY ({series.key}, {series.time}))"


def index_statements(series: Series, table: str) -> str:
    """Index each of the series' index columns; the time by BRIN, which costs next to nothing."""
    brin = f"CREATE INDEX ON {table} USING brin ({series.time});"
    return brin + "".join(f"CREATE INDEX ON {table} ({columns});" for columns in series.indexes)


def create_rollup(series: Series) -> str:
    """Make the roll-up's table and the function that keeps it."""
    rollup = series.rollup
    if rollup is None:
        return ""
    columns = [f"{name} {kind} NOT NULL" for name, kind, _ in rollup.dimensions]
    columns += [f"{name} bigint NOT NULL" for name in rollup.sums]
    first = rollup.keys[0]
    return f"""
CREATE TABLE {SCHEMA}.{rollup.name} (
    {", ".join(columns)}, PRIMARY KEY ({series.tenant}, {", ".join(_others(series, rollup))})
);
CREATE INDEX ON {SCHEMA}.{rollup.name} USING brin ({first});
{_keeper(series, rollup)}
"""


def attach_rollup(series: Series) -> str:
    """Let inserts, updates and deletes of the raw table reach the roll-up, one trigger each.

    A statement trigger sees all rows of a COPY or an upsert at once. Dropping a partition or a
    chunk fires none: the roll-up outlives the raw rows.
    """
    if series.rollup is None:
        return ""
    seen = {
        "insert": "NEW TABLE AS new_rows",
        "update": "NEW TABLE AS new_rows OLD TABLE AS old_rows",
        "delete": "OLD TABLE AS old_rows",
    }
    return "".join(
        f"CREATE TRIGGER {series.name}_rolled_{verb} AFTER {verb.upper()} ON {series.table}"
        f" REFERENCING {tables} FOR EACH STATEMENT"
        f" EXECUTE FUNCTION {SCHEMA}.{series.name}_rolled();"
        for verb, tables in seen.items()
    )


def create_views(series: Series) -> str:
    """Show each organization its own rows; the views are all that the app role ever sees."""
    names = [series.name] + ([series.rollup.name] if series.rollup else [])
    return "".join(
        f"CREATE VIEW public.{name} WITH (security_barrier) AS SELECT * FROM {SCHEMA}.{name}"
        f" WHERE {series.tenant} = {_MINE};"
        f"REVOKE ALL ON public.{name} FROM {APP}, {SYSTEM};"
        f"GRANT SELECT ON public.{name} TO {APP}, {SYSTEM};"
        for name in names
    )


def drop_views(series: Series) -> str:
    names = [series.name] + ([series.rollup.name] if series.rollup else [])
    return "".join(f"DROP VIEW public.{name};" for name in names)


def grant(series: Series) -> str:
    """Let the system role write raw rows and read sums, which only the trigger changes."""
    rollup = f"GRANT SELECT ON {SCHEMA}.{series.rollup.name} TO {SYSTEM};" if series.rollup else ""
    return (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {series.table} TO {SYSTEM};{rollup}"
        f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{series.name}_prepare(timestamptz),"
        f" {SCHEMA}.{series.name}_retire(timestamptz, int) TO {SYSTEM};"
    )


def _others(series: Series, rollup: Rollup) -> list[str]:
    return [name for name in rollup.keys if name != series.tenant]


def _keeper(series: Series, rollup: Rollup) -> str:
    """Add what came and take away what went, in the order of the key, so that none deadlock."""
    keys, sums = ", ".join(rollup.keys), ", ".join(rollup.sums)
    added = ", ".join(f"{name} = kept.{name} + EXCLUDED.{name}" for name in rollup.sums)
    changed = " OR ".join(f"sum({name}) <> 0" for name in rollup.sums)
    totals = ", ".join(f"sum({name})" for name in rollup.sums)

    def merge(source: str) -> str:
        return (
            f"INSERT INTO {SCHEMA}.{rollup.name} AS kept ({keys}, {sums})"
            f" SELECT {keys}, {totals} FROM ({source}) AS change GROUP BY {keys}"
            f" HAVING {changed} ORDER BY {keys}"
            f" ON CONFLICT ({keys}) DO UPDATE SET {added};"
        )

    came, went = _change(rollup, "new_rows", ""), _change(rollup, "old_rows", "-")
    return f"""
CREATE FUNCTION {SCHEMA}.{series.name}_rolled() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {SCHEMA}, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        {merge(came)}
    ELSIF TG_OP = 'UPDATE' THEN
        {merge(f"{came} UNION ALL {went}")}
    ELSE
        {merge(went)}
    END IF;
    RETURN NULL;
END $$;
"""


def _change(rollup: Rollup, rows: str, sign: str) -> str:
    chosen = [f"{expression} AS {name}" for name, _, expression in rollup.dimensions]
    chosen += [f"{sign}({expression})::bigint AS {name}" for name, expression in rollup.measures]
    return f"SELECT {', '.join(chosen)} FROM {rows}"
