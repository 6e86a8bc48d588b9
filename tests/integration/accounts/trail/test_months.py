"""Months of the trail come and go without holding up those who write."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts import tasks
from accounts.models import AuditLog
from tests import services
from tests.settled import seal_rows

OLD, AHEAD = "500 days ago", "3 months"


def _note(about: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.event('test', 'x', %s, NULL, '{}')", [about])


def _has_month(when: str) -> bool:
    with connection.cursor() as cursor:
        name = "'audit.logs_' || to_char(now() AT TIME ZONE 'UTC' + %s::interval, 'YYYYMM')"
        cursor.execute(f"SELECT to_regclass({name}) IS NOT NULL", [when])
        return bool(cursor.fetchone()[0])


def _make_due(raw: psycopg.Connection[Any]) -> None:
    """Leave a month to retire, sealed past its end, and take one away that is to be prepared."""
    raw.execute(f"""
        DO $$
        DECLARE
            old timestamptz := date_trunc('month', now() + interval '{OLD}', 'UTC');
            part text := 'logs_' || to_char(old AT TIME ZONE 'UTC', 'YYYYMM');
            next text := 'logs_' || to_char(
                now() AT TIME ZONE 'UTC' + interval '{AHEAD}', 'YYYYMM');
        BEGIN
            EXECUTE format('CREATE TABLE audit.%I PARTITION OF audit.logs FOR VALUES FROM (%L)'
                ' TO (%L)', part, old, old + interval '1 month');
            EXECUTE format('ALTER TABLE audit.%I OWNER TO switchyard_audit', part);
            EXECUTE format('DROP TABLE audit.%I', next);
        END $$
    """)
    _note("what is sealed past the old month")
    assert seal_rows() is not None


@pytest.mark.usefixtures("live_database")
def test_a_dump_holds_months_back_but_neither_the_tasks_nor_those_who_write(
    caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.AUDIT_KEEP_MONTHS = 12
    admin = services.admin_url(f"test_{services.WORKER}")
    with psycopg.connect(admin, autocommit=True) as raw:
        _make_due(raw)
    with psycopg.connect(admin) as dump, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20s'")
        dump.execute("LOCK TABLE audit.logs IN ACCESS SHARE MODE")
        tasks.prepare_audit_partitions()
        tasks.retire_audit()
        _note("while it is dumped")
        assert (_has_month(OLD), _has_month(AHEAD)) == (True, False)
    assert AuditLog.objects.filter(entity_id="while it is dumped").exists()
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert ["prepare" in told[0], "retire" in told[1], len(told)] == [True, True, 2]
    tasks.prepare_audit_partitions()
    tasks.retire_audit.apply(throw=True)
    assert (_has_month(OLD), _has_month(AHEAD)) == (False, True), "the next day's run"
    assert AuditLog.objects.get(action="audit.month_retired").actor_kind == "worker"
