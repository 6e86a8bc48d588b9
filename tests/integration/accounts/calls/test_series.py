"""The time series of API calls on the engine that is here: exact sums, partitions, the wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from accounts.services.calls.retention import keep_series
from config.kit import context
from config.kit.timeseries import engine
from config.kit.timeseries.series import Series
from tests.conftest import People, behind_the_wall

pytestmark = pytest.mark.usefixtures("db")
AT = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)


def _add(organization: Any, *, at: datetime = AT, ms: int = 12, status: int = 200) -> Any:
    key = uuid4()
    _run(
        "INSERT INTO series.api_calls (id, called_at, organization_id, api_key_id, endpoint,"
        " method, status_code, latency_ms, outcome)"
        " VALUES (%s, %s, %s, %s, '/v1/things', 'GET', %s, %s, 'VALID')",
        key, at, organization.pk, organization.pk, status, ms,
    )  # fmt: skip
    return key


def _run(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _ask(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


RECOUNTED = """
    SELECT date_trunc('hour', called_at, 'UTC'), organization_id, api_key_id, product, endpoint,
           latency_bucket(latency_ms), count(*), sum((status_code >= 400)::int), count(*),
           sum(latency_ms)
      FROM series.api_calls GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""
KEPT = """
    SELECT hour, organization_id, api_key_id, product, endpoint, latency_bucket, requests, errors,
           billable, latency_ms FROM series.api_calls_hourly WHERE requests <> 0
     ORDER BY 1, 2, 3, 4, 5, 6
"""


def test_sums_stay_exact_through_inserts_updates_and_deletes(people: People) -> None:
    keys = [_add(people.organization, ms=ms, status=200 + ms % 2 * 300) for ms in range(40)]
    _add(people.other, at=AT - timedelta(hours=2))
    assert _ask(KEPT) == _ask(RECOUNTED)
    _run("UPDATE series.api_calls SET latency_ms = latency_ms * 7, status_code = 404"
         " WHERE id = ANY(%s)", keys[:20])  # fmt: skip
    assert _ask(KEPT) == _ask(RECOUNTED)
    _run("DELETE FROM series.api_calls WHERE id = ANY(%s)", keys[10:30])
    assert _ask(KEPT) == _ask(RECOUNTED)
    _run("UPDATE series.api_calls SET called_at = called_at - interval '1 day'")
    assert _ask(KEPT) == _ask(RECOUNTED)


def test_the_same_call_written_twice_counts_once(people: People) -> None:
    key = _add(people.organization)
    _run("INSERT INTO series.api_calls SELECT * FROM series.api_calls WHERE id = %s"
         " ON CONFLICT (id, called_at) DO NOTHING", key)  # fmt: skip
    assert _ask("SELECT sum(requests) FROM series.api_calls_hourly") == [(1,)]


def test_rows_outside_every_partition_wait_in_the_default_one_until_theirs_is_made(
    people: People,
) -> None:
    far = AT + timedelta(days=40)
    _add(people.organization, at=far)
    (standing,) = engine.standings(connection, AT)
    assert standing.stranded == 1
    assert engine.prepare(connection, standing.series, far) > 0
    (standing,) = engine.standings(connection, AT)
    assert standing.stranded == 0
    assert _ask(KEPT) == _ask(RECOUNTED)


def test_retention_drops_whole_partitions_and_keeps_the_sums(people: People) -> None:
    _add(people.organization, at=AT - timedelta(days=2))
    _add(people.organization, at=AT)
    (standing,) = engine.standings(connection, AT)
    assert engine.retire(connection, standing.series, AT, keep_days=1) >= 1
    assert _ask("SELECT count(*) FROM series.api_calls") == [(1,)]
    assert _ask("SELECT sum(requests) FROM series.api_calls_hourly") == [(2,)]


def test_preparing_twice_makes_nothing_new() -> None:
    (standing,) = engine.standings(connection, AT)
    assert standing.ahead == 15
    assert engine.prepare(connection, standing.series, AT) == 0


def test_the_app_role_cannot_read_raw_tables_or_partitions(people: People) -> None:
    _add(people.organization)
    tables = [name for (name,) in _ask(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'series' AND c.relkind IN ('r', 'p')"
    )]  # fmt: skip
    assert len(tables) > 15
    with behind_the_wall(), context.acting(organization_id=people.organization.pk):
        for table in tables:
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                _run(f"SELECT 1 FROM series.{table}")
        for view in ("api_calls", "api_calls_hourly"):
            assert _ask(f"SELECT count(*) FROM {view}") == [(1,)]
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                _run(f"DELETE FROM {view}")


def test_another_tenant_sees_nothing_through_the_views(people: People) -> None:
    _add(people.organization)
    for here in (context.Context(organization_id=people.other.pk), context.Context()):
        with behind_the_wall(), context.use(here):
            assert _ask("SELECT count(*) FROM api_calls") == [(0,)]
            assert _ask("SELECT count(*) FROM api_calls_hourly") == [(0,)]


def test_the_views_hide_rows_from_functions_that_would_tell(people: People) -> None:
    """A leaky function in WHERE must not run on another tenant's row before the filter."""
    _add(people.organization)
    with behind_the_wall(), context.acting(organization_id=people.other.pk):
        assert _ask("SELECT id FROM api_calls WHERE 1 / (latency_ms - 12) > 0") == []


@pytest.mark.parametrize(("ms", "bucket"), [(0, 0), (1, 0), (2, 8), (4, 16), (8, 24), (1024, 80)])
def test_doubling_the_latency_moves_eight_buckets(ms: int, bucket: int) -> None:
    assert _ask("SELECT latency_bucket(%s)", ms) == [(bucket,)]


def test_the_command_says_which_engine_is_active_and_why(capsys: Any) -> None:
    call_command("timeseries")
    said = capsys.readouterr().out
    assert "api_calls" in said
    assert "native" in said
    assert "this server has no TimescaleDB extension" in said


def test_switching_is_refused_with_the_reason_and_changes_nothing() -> None:
    with pytest.raises(CommandError, match="no TimescaleDB extension"):
        call_command("timeseries", switch="api_calls", to="timescale")
    with pytest.raises(CommandError, match="already"):
        call_command("timeseries", switch="api_calls", to="native")
    (standing,) = engine.standings(connection, AT)
    assert standing.choice.engine == engine.Engine.NATIVE


def test_a_declaration_survives_being_written_on_its_table() -> None:
    (standing,) = engine.standings(connection, AT)
    assert Series.from_json(standing.series.to_json()) == standing.series


def test_upkeep_makes_and_drops_partitions_by_the_settings(settings: Any, people: People) -> None:
    _add(people.organization, at=AT - timedelta(days=2))
    settings.API_CALLS_KEPT_DAYS = 1
    keep_series(at=AT + timedelta(days=1))
    (standing,) = engine.standings(connection, AT + timedelta(days=1))
    assert standing.ahead == 15
    assert _ask("SELECT count(*) FROM series.api_calls") == [(0,)]


def test_a_series_moves_to_native_partitions_with_all_rows_and_exact_sums(people: People) -> None:
    """The old table is a plain one here; on a hypertable test_timescale.py does the same."""
    for days in (0, 1, 40):
        _add(people.organization, at=AT - timedelta(days=days))
    (standing,) = engine.standings(connection, AT)
    _run("SET ROLE switchyard_owner")
    _run("CREATE TABLE series.plain AS SELECT * FROM series.api_calls")
    _run("DROP VIEW public.api_calls; DROP TABLE series.api_calls;"
         "ALTER TABLE series.plain RENAME TO api_calls;"
         "CREATE VIEW public.api_calls AS SELECT * FROM series.api_calls")  # fmt: skip
    assert engine.switch(connection, standing.series, engine.Engine.NATIVE) == 3
    _run("RESET ROLE")
    (standing,) = engine.standings(connection, AT)
    assert (standing.stranded, standing.choice.why) == (0, "an operator switched it")
    assert _ask(KEPT) == _ask(RECOUNTED)
    _add(people.organization)
    assert _ask(KEPT) == _ask(RECOUNTED)
