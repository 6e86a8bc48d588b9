"""`make run`: everything from an empty folder to a page that answers, step by step."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from config.embedded.house import ROLES, ROOT, Addresses, House
from config.embedded.keys import load_keys
from config.embedded.launching import EmbeddedError
from config.embedded.ports import HOST, answers
from config.embedded.processes import StopRequested, Supervisor
from config.embedded.services import Services, start_services
from config.embedded.stamps import Stamps, digest_of
from config.embedded.state import read_json
from config.embedded.terminal import Terminal

ANSWER_SECONDS = 90
SHOWN_LINES = 40
APPS = ("accounts", "billing", "cloud", "config", "iot", "licensing", "support")


class Step:
    """What a step tells about itself while it runs."""

    remark = ""


class Run:
    """One `make run`, or one `make seed` without it."""

    def __init__(self, var_dir: Path, terminal: Terminal, supervisor: Supervisor) -> None:
        self._var_dir = var_dir
        self._terminal = terminal
        self._supervisor = supervisor
        self._stamps = Stamps(var_dir)
        self._external = bool(os.environ.get("DATABASE_URL"))
        self._services: Services | None = None
        self._house: House | None = None

    @property
    def house(self) -> House:
        """Return what the processes are told; known once the servers run."""
        assert self._house
        return self._house

    @contextmanager
    def _step(self, title: str) -> Iterator[Step]:
        step = Step()
        began = time.monotonic()
        self._terminal.step_begins(title)
        try:
            yield step
        except StopRequested:
            raise
        except BaseException:
            self._terminal.step_fails(title, time.monotonic() - began)
            raise
        self._terminal.step_ends(title, time.monotonic() - began, step.remark)
        if self._supervisor.stopping:
            raise StopRequested

    # The steps

    def start_servers(self, addresses: Addresses) -> None:
        """Start PostgreSQL and Redis and hand them to the supervisor."""
        with self._step("PostgreSQL and Redis") as step:
            self._services = start_services(self._var_dir)
            for running in self._services.owned:
                assert running.process
                self._supervisor.adopt(running.server.command(), running.process)
            servers = self._services.running
            ports = ", ".join(f"{each.server.name} on {each.server.port}" for each in servers)
            step.remark = ports or "from DATABASE_URL and REDIS_URL"
        for note in self._services.notes:
            self._terminal.say(f"    {note}", style="dim")
        self._house = House(
            var_dir=self._var_dir,
            addresses=addresses,
            keys=load_keys(self._var_dir),
            database_url=self._services.database_url,
            redis_url=self._services.redis_url,
        )

    def prepare_database(self) -> None:
        """Bring roles, audit schema and tables to this version of the code."""
        urls = [self.house.role_url(role) for role in ROLES]
        self._manage(
            "Database roles",
            ["setup_database"],
            digest=self._source_digest(self.house.database_url, *urls),
            DATABASE_URL=self.house.database_url,
        )
        # Whether there is something to migrate only the database knows: this one always runs.
        self._manage("Migrations", ["migrate", "--noinput"], DATABASE_ROLE="owner")

    def collect_static(self) -> None:
        """Collect and compress what browsers load, when a source has changed."""
        patterns = ["static/**/*", *(f"{app}/static/**/*" for app in APPS), "requirements.txt"]
        digest = digest_of(ROOT, patterns)
        made = (self._var_dir / "static").is_dir()
        arguments = ["collectstatic", "--noinput", "--clear"]
        self._manage("Static files", arguments, digest=digest if made else "", keep=digest)

    def start_processes(self) -> None:
        """Start what serves."""
        (self._var_dir / "log").mkdir(exist_ok=True)
        for command in self.house.processes():
            self._supervisor.start(command)

    def start_stripe(self) -> None:
        """Start the Stripe stand-in alone."""
        (self._var_dir / "log").mkdir(exist_ok=True)
        self._supervisor.start(self.house.simstripe())

    def seed(self) -> None:
        """Fill the demo company; what is there already stays."""
        file = self._var_dir / "credentials.json"
        digest = self._source_digest(self.house.database_url)
        known = digest if file.exists() else ""
        # Nothing is bought at a later start: it need not wait for the till.
        if not (known and self._stamps.is_current("seed", known)):
            self._wait_for_port(self.house.addresses.stripe, "the Stripe stand-in")
        self._manage(
            "Demo company", ["seed", "--credentials", str(file)], digest=known, keep=digest
        )

    def wait_for_answers(self) -> None:
        """Wait until both sites answer."""
        with self._step("First page") as step:
            for port in (self.house.addresses.web, self.house.addresses.backoffice):
                answered = partial(_answers_well, port)
                if not self._supervisor.wait_for(answered, seconds=ANSWER_SECONDS):
                    raise EmbeddedError(f"Nothing answers on port {port}; the lines above say why.")
            step.remark = self.house.addresses.site_url

    def _wait_for_port(self, port: int, what: str) -> None:
        if not self._supervisor.wait_for(lambda: answers(port), seconds=ANSWER_SECONDS):
            raise EmbeddedError(f"{what} does not answer on port {port}.")

    # How a step runs

    def _manage(
        self,
        title: str,
        arguments: list[str],
        *,
        digest: str | None = None,
        keep: str | None = None,
        **environment: str,
    ) -> None:
        """Run a command unless a digest is given and the step was finished with the same one."""
        with self._step(title) as step:
            if digest and self._stamps.is_current(arguments[0], digest):
                step.remark = "unchanged"
                return
            command = self.house.manage(*arguments, **environment)
            exit_code, lines = self._supervisor.run_to_end(command)
            if exit_code:
                shown = "\n".join(lines[-SHOWN_LINES:])
                raise EmbeddedError(f"manage.py {arguments[0]} failed:\n{shown}")
            if kept := keep or digest:
                self._stamps.keep(arguments[0], kept)

    def _source_digest(self, *facts: str) -> str | None:
        """Return what the checkout's own database was made of; an outer one is never trusted."""
        if self._external or not self._services:
            return None
        identity = str(read_json(self._var_dir / "services.json").get("identity"))
        patterns = [f"{app}/**/*.{ending}" for app in APPS for ending in ("py", "sql")]
        return digest_of(ROOT, patterns, identity, *facts)


def _answers_well(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
