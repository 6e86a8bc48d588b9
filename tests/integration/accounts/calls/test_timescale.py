"""The same series on TimescaleDB, where there is one; elsewhere these tests say why they wait."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import environ
import pytest
from django.db import connections
from django.db.utils import load_backend
from timescale.db.models.expressions import TimeBucket

from accounts.models import StoredCall
from config.kit.timeseries import engine
from config.kit.timeseries.engine import Engine
from config.kit.timeseries.series import Series

URL = os.environ.get("TIMESCALE_DATABASE_URL", "")
MIGRATION = importlib.import_module("accounts.migrations.0012_api_calls_rules")
pytestmark = pytest.mark.skipif(
    not URL, reason="TIMESCALE_DATABASE_URL is not set: no TimescaleDB to try the series on"
)
AT = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
ROLES = """
DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY ARRAY['switchyard_app', 'switchyard_system'] LOOP
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
    END LOOP;
END $$;
CREATE EXTENSION IF NOT EXISTS timescaledb;
DROP SCHEMA IF EXISTS series CASCADE;
CREATE SCHEMA series;
DROP FUNCTION IF EXISTS latency_bucket(int);
"""


@pytest.fixture
def scale(settings: Any, django_db_blocker: Any) -> Iterator[Any]:
    """A connection to a scratch database with TimescaleDB, and our series in it."""
    options = environ.Env.db_url_config(URL)
    facts = {**connections.settings["default"], **options, "ENGINE": "config.kit.postgres"}
    with django_db_blocker.unblock():
        connection = load_backend("config.kit.postgres").DatabaseWrapper(facts, "scale")
        connections["scale"] = connection
        with connection.cursor() as cursor:
            cursor.execute(ROLES)
            cursor.execute(MIGRATION.LATENCY_BUCKET)
        series: Series = MIGRATION.API_CALLS
        engine.create(connection, series, engine.choose(connection))
        yield connection
        engine.drop(connection, series)
        connection.close()
        del connections["scale"]


def _ask(connection: Any, sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else None


def _add(connection: Any, at: datetime, ms: int = 5) -> None:
    _ask(
        connection,
        "INSERT INTO series.api_calls (id, called_at, organization_id, api_key_id, endpoint,"
        " method, status_code, latency_ms, outcome) SELECT g, %s, g, g, '/x', 'GET', 200, %s,"
        " 'VALID' FROM (SELECT %s::uuid) AS one (g)",
        at, ms, str(uuid4()),
    )  # fmt: skip


def test_the_series_is_a_hypertable_and_says_so(scale: Any) -> None:
    (standing,) = engine.standings(scale, AT)
    assert standing.choice.engine == Engine.TIMESCALE
    assert "is installed in this database" in standing.choice.why


def test_sums_are_exact_on_a_hypertable(scale: Any) -> None:
    for hours in range(50):
        _add(scale, AT - timedelta(hours=hours), ms=hours)
    _ask(scale, "UPDATE series.api_calls SET latency_ms = latency_ms + 3")
    _ask(scale, "DELETE FROM series.api_calls WHERE latency_ms < 10")
    raw = _ask(scale, "SELECT count(*), sum(latency_ms) FROM series.api_calls")
    kept = _ask(scale, "SELECT sum(requests), sum(latency_ms) FROM series.api_calls_hourly")
    assert raw == kept


def test_retention_drops_chunks_and_keeps_the_sums(scale: Any) -> None:
    (standing,) = engine.standings(scale, AT)
    for days in (0, 40):
        _add(scale, AT - timedelta(days=days))
    assert engine.retire(scale, standing.series, AT, keep_days=30) == 1
    assert _ask(scale, "SELECT count(*) FROM series.api_calls") == [(1,)]
    assert _ask(scale, "SELECT sum(requests) FROM series.api_calls_hourly") == [(2,)]


def test_time_buckets_of_django_timescaledb_read_the_hypertable(scale: Any) -> None:
    _add(scale, AT)
    rows = StoredCall.objects.using("scale").annotate(bucket=TimeBucket("called_at", "15 minutes"))
    assert [row.bucket for row in rows] == [AT]


def test_a_series_moves_between_the_engines_with_rows_and_sums(scale: Any) -> None:
    _add(scale, AT - timedelta(days=30))
    _add(scale, AT)
    (standing,) = engine.standings(scale, AT)
    for to in (Engine.NATIVE, Engine.TIMESCALE):
        assert engine.switch(scale, standing.series, to) == 2
        (standing,) = engine.standings(scale, AT)
        assert (standing.choice.engine, standing.stranded) == (to, 0)
        assert _ask(scale, "SELECT sum(requests) FROM series.api_calls_hourly") == [(2,)]
