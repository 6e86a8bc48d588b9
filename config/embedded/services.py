"""Starts the embedded PostgreSQL and Redis of a var folder, or joins the ones that run there."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from config.embedded import postgres, redis, servers
from config.embedded.launching import EmbeddedError, is_alive, start_time, wait_until
from config.embedded.places import choose_place
from config.embedded.ports import first_free, is_free
from config.embedded.state import locked, make_private_folder, read_json, write_json

START_TRIES = 5
Kind = TypeVar("Kind", postgres.Postgres, redis.Redis)


@dataclass
class RunningServer:
    """A server that answers; `process` is there when this process started it."""

    server: servers.Server
    process: subprocess.Popen[bytes] | None


@dataclass
class Services:
    """The addresses of PostgreSQL and Redis, and the servers behind them that are ours."""

    var_dir: Path
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    running: list[RunningServer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def owned(self) -> list[RunningServer]:
        """Return the servers that this process started and therefore stops."""
        return [running for running in self.running if running.process is not None]

    def stop(self) -> None:
        """Stop the servers this process started, the last one first; leave joined ones alone."""
        for running in reversed(self.owned):
            servers.stop(running.server, running.process)
        self.running = []


def start_services(
    var_dir: Path,
    *,
    database_name: str = "switchyard",
    fast: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Services:
    """Start what DATABASE_URL and REDIS_URL do not already name; join what runs in this var.

    The servers live as long as the process that started them, however it ends. `fast` gives up
    durability for speed. Two processes may call this at the same moment.
    """
    environment = os.environ if environment is None else environment
    var_dir = var_dir.resolve()
    services = Services(
        var_dir, environment.get("DATABASE_URL", ""), environment.get("REDIS_URL", "")
    )
    if services.database_url and services.redis_url:
        return services
    make_private_folder(var_dir)
    with locked(var_dir / "services.lock"):
        _Start(services, fast=fast).run(database_name)
    return services


def stop_services(var_dir: Path) -> list[str]:
    """Stop whatever servers run in this var, whoever started them; return their names."""
    state = read_json(var_dir / "services.json")
    if not state:
        return []
    place = choose_place(var_dir.resolve(), identity=str(state["identity"]))
    stopped = []
    for server in (
        redis.Redis(place, 0, "", var_dir / "log" / "redis.log"),
        postgres.Postgres(place, 0, "", var_dir / "log" / "postgres.log"),
    ):
        if servers.running_pid(server) is not None:
            servers.stop(server)
            stopped.append(server.name)
    return stopped


class _Start:
    """One start under the lock: what is remembered, what is chosen, what is written down."""

    def __init__(self, services: Services, *, fast: bool) -> None:
        self.services = services
        self.fast = fast
        self.file = services.var_dir / "services.json"
        self.state: dict[str, Any] = read_json(self.file)
        self.state.setdefault("identity", secrets.token_hex(8))
        write_json(self.file, self.state)
        self.place = choose_place(services.var_dir, identity=str(self.state["identity"]))
        if self.place.root != services.var_dir:
            services.notes.append(
                f"The account {self._account_name()} cannot reach {services.var_dir}: "
                f"the servers' files are in {self.place.root}"
            )

    def run(self, database_name: str) -> None:
        """Start both servers, or neither."""
        try:
            if not self.services.database_url:
                cluster = self._bring_up(postgres.Postgres, postgres.USUAL_PORT)
                cluster.make_database(database_name)
                self.services.database_url = cluster.url(database_name)
            if not self.services.redis_url:
                self.services.redis_url = self._bring_up(redis.Redis, redis.USUAL_PORT).url()
        except BaseException:
            self.services.stop()
            raise

    def _bring_up(self, kind: type[Kind], usual_port: int) -> Kind:
        memory = self.state.setdefault(kind.name, {})
        memory.setdefault("port", usual_port)
        memory.setdefault("password", secrets.token_urlsafe(24))
        log = self.services.var_dir / "log" / f"{kind.name}.log"
        server = kind(self.place, memory["port"], memory["password"], log, self.fast)
        process = None
        if not self._can_join(server, memory.get("owner", {})):
            servers.stop(server)
            process = self._start(server)
            memory |= {"port": server.port, "owner": _this_process()}
            write_json(self.file, self.state)
        self.services.running.append(RunningServer(server, process))
        return server

    def _can_join(self, server: servers.Server, owner: dict[str, int]) -> bool:
        # A server whose owner is gone has been told to leave, even if it still answers.
        if servers.running_pid(server) is None or not _is_running(owner):
            return False
        settled = wait_until(
            lambda: server.is_ready() or servers.running_pid(server) is None,
            seconds=servers.READY_SECONDS,
        )
        return settled and server.is_ready()

    def _start(self, server: servers.Server) -> subprocess.Popen[bytes]:
        for attempt in range(START_TRIES):
            server.port = first_free(server.port)
            try:
                return servers.start(server)
            except EmbeddedError as error:
                if attempt == START_TRIES - 1 or not _may_pass(error, server):
                    raise
                time.sleep(0.5)  # what a killed server left in the kernel is being removed
        raise AssertionError("the loop returns or raises")

    def _account_name(self) -> str:
        return self.place.account.name if self.place.account else ""


def _may_pass(error: EmbeddedError, server: servers.Server) -> bool:
    leftovers = ("shared memory block", "postmaster.pid")
    return not is_free(server.port) or any(text in str(error) for text in leftovers)


def _this_process() -> dict[str, int]:
    return {"pid": os.getpid(), "started": start_time(os.getpid())}


def _is_running(owner: dict[str, int]) -> bool:
    pid = owner.get("pid", 0)
    return bool(pid) and is_alive(pid) and start_time(pid) == owner.get("started")
