"""What Prometheus and load balancers are told, and who may ask."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from config.kit.redis import connect
from config.operations import database, health, liveness, requests
from config.web import metrics
from tests import services
from tests.conftest import behind_the_wall


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    for part in (database, health, metrics):
        part.forget()
    with override_settings(ROOT_URLCONF="config.urls_backoffice", BACKOFFICE=True, DEMO=True):
        yield


def _scrape(**environ: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = Client(**environ).get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.usefixtures("db")
def test_metrics_tell_of_the_database_the_queues_and_beat() -> None:
    connect().rpush("celery:default", b"{}", b"{}")
    liveness.beat_is_alive(0.0)
    liveness.sent("billing.sweep_inbox", 0.0)
    found = _scrape()
    assert found["switchyard_database_bytes", ()] > 1_000_000
    assert found["switchyard_queue_length", (("queue", "default"),)] == 2
    assert found["switchyard_beat_silent_seconds", ()] < 5
    assert found["switchyard_beat_overdue_seconds", (("entry", "billing.sweep_inbox"),)] == 0
    assert found["switchyard_promises_waiting", (("kind", "stripe_events"),)] == 0
    assert found["switchyard_audit_seal_lag_seconds", ()] >= 0
    assert found["switchyard_call_stream_length", ()] == 0
    roles = {dict(labels).get("role") for name, labels in found if name.endswith("connections")}
    assert "switchyard_system" in roles
    parts = {labels: value for (name, labels), value in found.items() if name.endswith("part_up")}
    assert set(parts.values()) == {1.0}


@pytest.mark.usefixtures("db")
def test_beat_that_is_late_and_silent_shows() -> None:
    connect().set(liveness.BEAT, b'{"at": %f, "lag": 0}' % (time.time() - 300))
    connect().hset(
        liveness.SENT, "billing.sweep_inbox", b'{"at": %f, "lag": 0}' % (time.time() - 60)
    )
    found = _scrape()
    assert found["switchyard_beat_silent_seconds", ()] == pytest.approx(300, abs=5)
    overdue = found["switchyard_beat_overdue_seconds", (("entry", "billing.sweep_inbox"),)]
    assert overdue == pytest.approx(55, abs=5)


@pytest.mark.usefixtures("db")
@override_settings(METRICS_TOKEN="t0ken")
def test_with_a_token_only_the_token_opens_metrics() -> None:
    """ADM-7"""
    assert Client().get("/metrics").status_code == 404
    wrong = Client(headers={"Authorization": "Bearer t0keN"})
    assert wrong.get("/metrics").status_code == 404
    right = Client(headers={"Authorization": "Bearer t0ken"})
    assert right.get("/metrics").status_code == 200


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    "caller",
    [
        {"REMOTE_ADDR": "10.0.0.7"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
    ],
)
def test_without_a_token_only_the_demos_machine_may_read_and_no_proxy(
    caller: dict[str, str],
) -> None:
    """ADM-7"""
    assert Client(**caller).get("/metrics").status_code == 404
    assert Client().get("/metrics").status_code == 200


@override_settings(DEMO=False)
def test_without_a_token_nobody_may_read_where_it_is_no_demo() -> None:
    """ADM-7"""
    assert Client().get("/metrics").status_code == 404


@pytest.mark.usefixtures("db")
def test_a_scrape_costs_few_queries_and_a_second_one_none(
    django_assert_max_num_queries: Any,
) -> None:
    with django_assert_max_num_queries(12):
        _scrape()
    with django_assert_max_num_queries(0):
        _scrape()


def test_requests_of_several_processes_are_added_up(tmp_path: Any) -> None:
    script = (
        "import django; django.setup()\n"
        "from config.operations import requests\n"
        "for _ in range(5): requests.measured('/api/v1/me', 'GET', 200, 0.003)\n"
        "requests.measured('', 'BREW', 404, 0.001)\n"
    )
    environment = {
        **os.environ,
        "METRICS_DIR": str(tmp_path),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "another"),
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "SWITCHYARD_PROCESS": "web",
    }
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", script], check=True, env=environment, cwd=services.ROOT
        )
    added = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
        for family in requests.registry().collect():
            for sample in family.samples:
                if sample.name == "switchyard_http_request_seconds_count":
                    added[sample.labels["route"], sample.labels["method"]] = sample.value
    assert added == {("/api/v1/me", "GET"): 10, ("unmatched", "OTHER"): 2}


def test_values_are_left_out_of_statements() -> None:
    seen = database.without_values(
        "SELECT * FROM accounts_user WHERE email = 'ines@halden.example' AND name = 'O''Neil'"
        " AND id = 12 AND note = $$secret$$ AND col1 = E'it\\'s'"
    )
    assert seen == (
        "SELECT * FROM accounts_user WHERE email = ? AND name = ? AND id = ? AND note = ?"
        " AND col1 = ?"
    )


@pytest.mark.usefixtures("live_database")
def test_a_statement_that_takes_long_is_seen_without_its_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "LONG_QUERY", 0)
    url = services.admin_url(f"test_{services.WORKER}")
    with psycopg.connect(url, autocommit=True) as other:
        sleeper = threading.Thread(
            target=lambda: other.execute("SELECT pg_sleep(2), 'ines@halden.example'")
        )
        sleeper.start()
        deadline = time.monotonic() + 10
        found: list[database.Session] = []
        while not found and time.monotonic() < deadline:
            database.forget()
            found = [each for each in database.look().sessions if "pg_sleep" in each.statement]
        sleeper.join(timeout=10)
    assert found[0].statement == "SELECT pg_sleep(?), ?"
    assert found[0].waits_for == "Timeout: PgSleep"


@pytest.mark.usefixtures("db")
def test_an_index_that_is_invalid_or_never_used_is_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE switchyard_owner")
        cursor.execute("CREATE INDEX never_used ON billing_product (name)")
        cursor.execute("RESET ROLE")
    seen = database.look()
    assert "public.never_used" in {index.name for index in seen.unused_indexes}
    assert not {index.name for index in seen.unused_indexes if index.name.endswith("_pkey")}


@pytest.mark.usefixtures("db")
def test_readiness_names_each_part_and_no_secret() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"postgresql": "ok", "redis": "ok", "migrations": "ok"}
    assert not re.search(r"postgres://|password|127\.0", answer.content.decode())


@pytest.mark.usefixtures("db")
@override_settings(PROCESS="web")
def test_the_web_process_is_ready_only_behind_the_wall() -> None:
    with behind_the_wall():
        assert Client().get("/readyz").json()["wall"] == "ok"
    health.forget()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["wall"] == "the role could bypass it"


@pytest.mark.usefixtures("db")
def test_a_migration_that_is_missing_is_not_ready() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE switchyard_owner")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'billing'")
        cursor.execute("RESET ROLE")
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["migrations"] == "1 not applied"


@pytest.fixture
def silent_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """New connections go to a server that accepts them and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        host, port = server.getsockname()
        address = connections.settings["default"]
        for name, value in {"HOST": host, "PORT": port, "OPTIONS": {"connect_timeout": 60}}.items():
            monkeypatch.setitem(address, name, value)
        yield server


@pytest.mark.usefixtures("db")
def test_a_look_that_hangs_holds_no_other_probe(silent_database: socket.socket) -> None:
    def look() -> int:
        try:
            return Client().get("/readyz").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(look)
        held, _ = silent_database.accept()
        answer = Client().get("/readyz")
        assert not first.done(), "the database let it go"
        held.close()
        assert first.result(timeout=10) == 503
    assert answer.status_code == 503
    assert answer.json() == dict.fromkeys(("postgresql", "redis", "migrations"), "unknown")


@pytest.mark.usefixtures("db")
def test_a_database_that_vanished_is_noticed_within_half_a_minute() -> None:
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        kept = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [wire.getsockopt(socket.IPPROTO_TCP, name) for name in kept] == [15, 5, 3]
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


@pytest.mark.usefixtures("db")
def test_a_crowd_of_probes_costs_one_look(django_assert_num_queries: Any) -> None:
    client = Client()
    with django_assert_num_queries(1):
        for _ in range(20):
            client.get("/readyz")


def test_the_process_is_alive_whatever_else_is(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        assert Client().get("/healthz").content == b"ok"
