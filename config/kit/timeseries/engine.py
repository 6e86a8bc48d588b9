"""Which engine a series runs on and why; making, finding and switching series."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from config.kit.timeseries import native, shared, timescale
from config.kit.timeseries.series import SCHEMA, Series


class Engine(StrEnum):
    NATIVE = "native"
    TIMESCALE = "timescale"


class EngineUnavailable(Exception):
    """The wanted engine cannot run on this database; the message says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    engine: Engine
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A series as it is now. `ahead` counts partitions from the current one on, None for chunks;
    `stranded` are rows in the default partition, which is an alarm.
    """

    series: Series
    choice: Choice
    partitions: int
    ahead: int | None
    stranded: int


def choose(connection: BaseDatabaseWrapper) -> Choice:
    """Return TimescaleDB when its extension is installed in this database, else native."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT default_version, installed_version FROM pg_available_extensions"
            " WHERE name = 'timescaledb'"
        )
        row = cursor.fetchone()
    if row is None:
        return Choice(Engine.NATIVE, "this server has no TimescaleDB extension")
    if row[1] is None:
        return Choice(
            Engine.NATIVE,
            f"TimescaleDB {row[0]} is on this server but not installed in this database",
        )
    if tuple(int(part) for part in row[1].split(".")[:2]) < timescale.OLDEST:
        oldest = ".".join(map(str, timescale.OLDEST))
        return Choice(Engine.NATIVE, f"TimescaleDB {row[1]} is older than {oldest}")
    return Choice(Engine.TIMESCALE, f"TimescaleDB {row[1]} is installed in this database")


def create(connection: BaseDatabaseWrapper, series: Series, choice: Choice) -> None:
    """Make table, upkeep, roll-up, triggers, privileges and views of a new series."""
    _execute(
        connection,
        _module(choice.engine).create_table(series, series.table),
        _module(choice.engine).create_upkeep(series),
        shared.create_rollup(series),
    )
    _finish(connection, series, choice)


def drop(connection: BaseDatabaseWrapper, series: Series) -> None:
    """Take away everything that `create` made."""
    rollup = f"DROP TABLE {SCHEMA}.{series.rollup.name};" if series.rollup else ""
    keeper = f"DROP FUNCTION {SCHEMA}.{series.name}_rolled();" if series.rollup else ""
    _execute(
        connection,
        shared.drop_views(series),
        f"DROP TABLE {series.table};{rollup}{keeper}",
        _drop_upkeep(series),
    )


def switch(connection: BaseDatabaseWrapper, series: Series, to: Engine) -> int:
    """Move a series to the other engine in the open transaction; return how many rows moved.

    Writers wait for the end of it; what is recorded meanwhile stays in Redis. The roll-up is kept
    as it is: its triggers are attached when all rows have moved. Raises `EngineUnavailable` when
    TimescaleDB is wanted and not there.
    """
    found = choose(connection)
    if to == Engine.TIMESCALE and found.engine != Engine.TIMESCALE:
        raise EngineUnavailable(found.why)
    following = f"{SCHEMA}.{series.name}_following"
    moved = _copy(connection, series, to, following)
    _execute(
        connection,
        f"DROP VIEW public.{series.name};DROP TABLE {series.table};",
        _drop_upkeep(series),
        f"ALTER TABLE {following} RENAME TO {series.name}",
        _module(to).create_upkeep(series),
        f"DROP VIEW public.{series.rollup.name}" if series.rollup else "",
    )
    _finish(connection, series, Choice(to, "an operator switched it"))
    if to == Engine.NATIVE:
        _part(connection, series)
    return moved


def _copy(connection: BaseDatabaseWrapper, series: Series, to: Engine, table: str) -> int:
    """Copy all rows into a new table of the other engine, with every writer shut out."""
    columns = ", ".join(name for name, _ in series.columns)
    lock = f"LOCK TABLE {series.table} IN ACCESS EXCLUSIVE MODE"
    _execute(connection, lock, _module(to).create_table(series, table))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {series.table}")
        return int(cursor.rowcount)


def _part(connection: BaseDatabaseWrapper, series: Series) -> None:
    """Make the partitions of all rows that came into the default one."""
    default = f"{SCHEMA}.{series.name}_default"
    while True:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT min({series.time}) FROM {default}")
            row = cursor.fetchone()
        if row is None or row[0] is None:
            return
        prepare(connection, series, row[0])


def standings(connection: BaseDatabaseWrapper, at: datetime) -> list[Standing]:
    """Return every series of this database, by name, as their tables' comments declare them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT obj_description(c.oid, 'pg_class') FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind IN ('r', 'p')"
            " AND obj_description(c.oid, 'pg_class') LIKE '{%%' ORDER BY c.relname",
            [SCHEMA],
        )
        comments = [json.loads(row[0]) for row in cursor.fetchall()]
    return [_standing(connection, facts, at) for facts in comments]


def prepare(connection: BaseDatabaseWrapper, series: Series, at: datetime) -> int:
    """Make the partitions that should exist at `at`; return how many were missing."""
    return _call(connection, f"SELECT {SCHEMA}.{series.name}_prepare(%s)", at)


def retire(
    connection: BaseDatabaseWrapper, series: Series, at: datetime, keep_days: int | None = None
) -> int:
    """Drop partitions or chunks that are wholly older than the retention; return how many."""
    days = series.keep_days if keep_days is None else keep_days
    return _call(connection, f"SELECT {SCHEMA}.{series.name}_retire(%s, %s)", at, days)


def _standing(connection: BaseDatabaseWrapper, facts: dict[str, Any], at: datetime) -> Standing:
    series = Series.from_json(json.dumps(facts["series"]))
    choice = Choice(Engine(facts["engine"]), facts["why"])
    if choice.engine == Engine.TIMESCALE:
        chunks = (
            "SELECT count(*) FROM timescaledb_information.chunks"
            " WHERE hypertable_schema = %s AND hypertable_name = %s"
        )
        return Standing(series, choice, _call(connection, chunks, SCHEMA, series.name), None, 0)
    count = (
        "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass AND c.relname ~ '_[0-9]+$'"
    )
    now_on = (
        f"{series.name}_{at:%Y%m%d}" if series.interval == "day" else f"{series.name}_{at:%Y%m}"
    )
    return Standing(
        series,
        choice,
        _call(connection, count, series.table),
        _call(connection, f"{count} AND c.relname >= %s", series.table, now_on),
        _call(connection, f"SELECT count(*) FROM {SCHEMA}.{series.name}_default"),
    )


def _finish(connection: BaseDatabaseWrapper, series: Series, choice: Choice) -> None:
    """Attach what stands on the raw table, whichever engine it has, and say which one it is."""
    note = {
        "engine": choice.engine.value,
        "why": choice.why,
        "series": json.loads(series.to_json()),
    }
    _execute(
        connection,
        timescale.add_policies(series) if choice.engine == Engine.TIMESCALE else "",
        shared.attach_rollup(series),
        shared.grant(series),
        shared.create_views(series),
        f"COMMENT ON TABLE {series.table} IS '{json.dumps(note).replace(chr(39), chr(39) * 2)}'",
        f"SELECT {SCHEMA}.{series.name}_prepare(now())",
    )


def _drop_upkeep(series: Series) -> str:
    return (
        f"DROP FUNCTION {SCHEMA}.{series.name}_prepare(timestamptz);"
        f"DROP FUNCTION {SCHEMA}.{series.name}_retire(timestamptz, int);"
    )


def _module(engine: Engine) -> Any:
    return timescale if engine == Engine.TIMESCALE else native


def _execute(connection: BaseDatabaseWrapper, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            if statement.strip():
                cursor.execute(statement)


def _call(connection: BaseDatabaseWrapper, statement: str, *params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        row = cursor.fetchone()
    return int(row[0])
