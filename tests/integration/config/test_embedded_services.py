"""PostgreSQL and Redis of a var folder: started, joined, stopped, and never left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from config.embedded import servers
from config.embedded.places import outside_folder
from config.embedded.services import Services, start_services, stop_services
from tests.services import ROOT, VAR

OTHER_PROCESS = """
import json, os, sys
from pathlib import Path
from config.embedded.services import start_services
services = start_services(Path(sys.argv[1]), fast=True, environment={})
pids = [servers.process.pid for servers in services.owned]
print(json.dumps([services.database_url, services.redis_url, pids]), flush=True)
sys.stdin.read()
services.stop()
"""


@contextmanager
def own_var() -> Iterator[Path]:
    """A var that the servers' account can reach, with a space in its path."""
    folder = VAR / f"embedded {uuid.uuid4().hex[:8]}"
    yield folder
    stop_services(folder)
    shutil.rmtree(outside_folder(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def var_dir() -> Iterator[Path]:
    with own_var() as folder:
        yield folder


@pytest.fixture(scope="module")
def started() -> Iterator[Services]:
    """One pair of running servers for the tests that only look at it."""
    with own_var() as folder:
        services = start_services(folder, fast=True, environment={})
        yield services
        services.stop()


@pytest.fixture
def start_elsewhere(var_dir: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Call start_services in another process; it stops its servers when its input ends."""
    running: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, str(var_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.communicate(timeout=60)


def said(process: subprocess.Popen[str]) -> Any:
    assert process.stdout
    return json.loads(process.stdout.readline())


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row
    return row[0]


def test_both_servers_answer_and_only_to_their_password(started: Services) -> None:
    assert one(started.database_url, "SHOW server_version_num") >= "180000"
    assert one(started.database_url, "SELECT upper('é')") == "É"
    assert redis.Redis.from_url(started.redis_url).ping()
    stranger = started.database_url.replace("admin:", "admin:x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stranger)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(started.redis_url.replace("redis://:", "redis://:x")).ping()
    nobody = redis.Redis(port=int(started.redis_url.rpartition(":")[2].partition("/")[0]))
    with pytest.raises(redis.AuthenticationError):
        nobody.ping()


def test_servers_listen_on_this_machine_alone(started: Services) -> None:
    for running in started.owned:
        assert running.process
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(running.process.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]


def test_passwords_lie_in_a_file_of_their_owner_and_in_no_command_line(started: Services) -> None:
    file = started.var_dir / "services.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    known = json.loads(file.read_text())
    for running in started.owned:
        assert running.process
        line = " ".join(psutil.Process(running.process.pid).cmdline())
        assert known[running.server.name]["password"] not in line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to run servers under")
def test_servers_started_by_root_do_not_run_as_root(started: Services) -> None:
    for running in started.owned:
        assert running.process
        assert psutil.Process(running.process.pid).uids().effective != 0


def test_a_second_start_joins_and_its_stop_leaves_the_servers_alone(started: Services) -> None:
    again = start_services(started.var_dir, fast=True, environment={})
    assert (again.database_url, again.redis_url) == (started.database_url, started.redis_url)
    assert again.owned == []
    again.stop()
    assert one(started.database_url, "SELECT 1") == 1
    assert redis.Redis.from_url(started.redis_url).ping()


def test_a_second_database_of_the_same_servers_is_made_on_demand(started: Services) -> None:
    other = start_services(started.var_dir, database_name="other", environment={})
    assert other.database_url.endswith("/other")
    assert one(other.database_url, "SELECT current_database()") == "other"


def test_stop_ends_both_and_the_next_start_finds_the_data(var_dir: Path) -> None:
    first = start_services(var_dir, environment={})
    pids = [running.process.pid for running in first.owned if running.process]
    with psycopg.connect(first.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(first.redis_url).set("kept", "42")
    first.stop()
    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)

    second = start_services(var_dir, environment={})
    try:
        assert second.database_url == first.database_url
        assert one(second.database_url, "SELECT answer FROM kept") == 42
        assert redis.Redis.from_url(second.redis_url).get("kept") == b"42"
    finally:
        second.stop()


def test_run_is_durable_and_tests_are_fast(var_dir: Path) -> None:
    for fast, expected in ((False, ("on", "on", "yes")), (True, ("off", "off", "no"))):
        services = start_services(var_dir, fast=fast, environment={})
        try:
            answers = redis.Redis.from_url(services.redis_url, decode_responses=True)
            assert (
                one(services.database_url, "SHOW fsync"),
                one(services.database_url, "SHOW full_page_writes"),
                answers.config_get("appendonly")["appendonly"],
            ) == expected
            assert answers.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        finally:
            services.stop()


def test_two_starts_at_the_same_moment_share_one_pair_of_servers(
    start_elsewhere: Callable[[], subprocess.Popen[str]],
) -> None:
    processes = [start_elsewhere() for _ in range(3)]
    answers = [said(process) for process in processes]
    assert len({(database, cache) for database, cache, _ in answers}) == 1
    assert sorted(len(pids) for _, _, pids in answers) == [0, 0, 2]
    assert one(answers[0][0], "SELECT 1") == 1


def test_servers_die_with_a_killed_owner_and_the_next_start_recovers(
    var_dir: Path, start_elsewhere: Callable[[], subprocess.Popen[str]]
) -> None:
    process = start_elsewhere()
    database_url, redis_url, pids = said(process)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    # No pause: this start has to cope with servers that are just leaving.
    services = start_services(var_dir, fast=True, environment={})
    try:
        assert len(services.owned) == 2
        assert one(services.database_url, "SELECT answer FROM kept") == 42
        assert redis.Redis.from_url(services.redis_url).ping()
        wait_until(lambda: all(is_gone(pid) for pid in pids))
    finally:
        services.stop()
    assert redis_url == services.redis_url


def test_a_start_after_both_servers_were_killed_recovers(var_dir: Path) -> None:
    first = start_services(var_dir, environment={})
    with psycopg.connect(first.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    for running in first.owned:
        assert running.process
        running.process.kill()
        running.process.wait()
    second = start_services(var_dir, environment={})
    try:
        assert one(second.database_url, "SELECT answer FROM kept") == 42
        assert redis.Redis.from_url(second.redis_url).ping()
    finally:
        second.stop()
        first.stop()


def test_taken_ports_are_passed_over_and_the_chosen_ones_remembered(started: Services) -> None:
    with own_var() as other_var:
        beside = start_services(other_var, fast=True, environment={})
        ports = {running.server.port for running in started.running}
        chosen = {running.server.port for running in beside.running}
        assert not ports & chosen
        beside.stop()
        again = start_services(other_var, fast=True, environment={})
        assert {running.server.port for running in again.running} == chosen
        again.stop()


def test_addresses_from_the_environment_replace_the_servers(var_dir: Path) -> None:
    environment = {"DATABASE_URL": "postgres://db/x", "REDIS_URL": "redis://cache/1"}
    services = start_services(var_dir, environment=environment)
    assert (services.database_url, services.redis_url) == tuple(environment.values())
    assert services.running == []
    assert not var_dir.exists()


def test_one_address_from_the_environment_replaces_one_server(var_dir: Path) -> None:
    environment = {"DATABASE_URL": "postgres://db/x"}
    services = start_services(var_dir, fast=True, environment=environment)
    try:
        assert [running.server.name for running in services.running] == ["redis"]
        assert services.database_url == "postgres://db/x"
    finally:
        services.stop()


def test_a_recycled_pid_is_not_taken_for_the_server(var_dir: Path) -> None:
    services = start_services(var_dir, fast=True, environment={})
    cluster = services.running[0].server
    services.stop()
    (cluster.home / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert servers.running_pid(cluster) is None
    (cluster.home / "postmaster.pid").unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands files to another account")
def test_an_unreachable_checkout_puts_the_servers_files_outside(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    services = start_services(closed / "var", fast=True, environment={})
    outside = outside_folder(closed / "var")
    try:
        assert one(services.database_url, "SELECT 1") == 1
        assert outside.is_dir()
        assert str(outside) in services.notes[0]
        services.stop()
        # A removed var takes what stands outside for it with it.
        before = set(outside.iterdir())
        shutil.rmtree(closed / "var")
        services = start_services(closed / "var", fast=True, environment={})
        assert not before & set(outside.iterdir())
    finally:
        services.stop()
        shutil.rmtree(outside, ignore_errors=True)
