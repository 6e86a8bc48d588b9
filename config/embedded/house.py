"""The processes of `make run`: their addresses, their environment, their commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from config.embedded.launching import Command
from config.embedded.ports import HOST, first_free

ROOT = Path(__file__).resolve().parent.parent.parent
WEB_PORT, BACKOFFICE_PORT, STRIPE_PORT, OPENID_PORT = 8000, 8001, 8002, 8003
# More than two threads a core only wait for the interpreter; granian warns of them too.
THREADS = str(min(8, 2 * (os.cpu_count() or 1) + 1))
# What `manage.py simopenid` asks for; it listens to this machine alone.
_STAND_IN_CLIENT, _STAND_IN_SECRET = "stand-in-client", "stand-in-secret"
QUEUES = "default,money,sync,webhooks,ingest,exports,bulk,mail"
ROLES = ("owner", "app", "system", "backup")
SERVING_ROLES = {
    "web": ("app",),
    "backoffice": ("system",),
    "worker": ("system", "backup"),
    "beat": ("system",),
}
DATABASE_NAMES = {"DATABASE_URL", *(f"DATABASE_{role.upper()}_URL" for role in ROLES)}


@dataclass(frozen=True)
class Addresses:
    """Where the processes listen."""

    web: int
    backoffice: int
    stripe: int
    openid: int

    @property
    def site_url(self) -> str:
        """Return the address of the customer site and the API."""
        return f"http://{HOST}:{self.web}"

    @property
    def backoffice_url(self) -> str:
        """Return the address of the back office."""
        return f"http://{HOST}:{self.backoffice}"

    @property
    def stripe_url(self) -> str:
        """Return the address of the Stripe stand-in."""
        return f"http://{HOST}:{self.stripe}"

    @property
    def openid_url(self) -> str:
        """Return the address of the stand-in for a sign-in provider."""
        return f"http://{HOST}:{self.openid}"


def choose_addresses() -> Addresses:
    """Return the usual ports, each replaced by the next free one when it is taken."""
    taken: list[int] = []
    for preferred in (WEB_PORT, BACKOFFICE_PORT, STRIPE_PORT, OPENID_PORT):
        taken.append(first_free(preferred, taken=taken))
    return Addresses(*taken)


@dataclass(frozen=True)
class House:
    """Everything that the processes have to be told."""

    var_dir: Path
    addresses: Addresses
    keys: Mapping[str, str]
    database_url: str
    redis_url: str

    def environment(self, process: str = "command", **more: str) -> dict[str, str]:
        """Return the environment of one process; a serving one gets the URL of its role alone."""
        outer = {name: value for name, value in os.environ.items() if name not in DATABASE_NAMES}
        roles = SERVING_ROLES.get(process, ROLES)
        paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        keys = {name: value for name, value in self.keys.items() if "PASSWORD" not in name}
        return {
            # The terminal keeps the addresses and passwords in sight; what goes well is not news.
            "LOG_LEVEL": "WARNING",
            **outer,
            **keys,
            **self._sign_in_provider(),
            **{f"DATABASE_{role.upper()}_URL": self.role_url(role) for role in roles},
            "PATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            # Celery's advice against root is for servers; this one listens to nobody outside.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
            "DJANGO_SETTINGS_MODULE": "config.settings.base",
            "SWITCHYARD_PROCESS": process,
            "SWITCHYARD_DEMO": "1",
            "SWITCHYARD_VAR": str(self.var_dir),
            "DEBUG": "0",
            "ALLOWED_HOSTS": f"{HOST},localhost",
            "REDIS_URL": self.redis_url,
            "SITE_URL": self.addresses.site_url,
            "BACKOFFICE_URL": self.addresses.backoffice_url,
            "STRIPE_API_BASE": self.addresses.stripe_url,
            **more,
        }

    def _sign_in_provider(self) -> dict[str, str]:
        """Name the stand-in, unless the environment names a provider of its own."""
        if os.environ.get("OPENID_CLIENT_ID"):
            return {}
        return {
            "OPENID_SERVER_URL": self.addresses.openid_url,
            "OPENID_CLIENT_ID": _STAND_IN_CLIENT,
            "OPENID_CLIENT_SECRET": _STAND_IN_SECRET,
            "OPENID_NAME": "Demo provider",
        }

    def role_url(self, role: str) -> str:
        """Return the URL of a database role: given from outside, or made of ours."""
        name = role.upper()
        if given := os.environ.get(f"DATABASE_{name}_URL"):
            return given
        parts = urlsplit(self.database_url)
        password = quote(self.keys[f"DATABASE_{name}_PASSWORD"], safe="")
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"switchyard_{role}:{password}@{host}"))

    def manage(self, *arguments: str, **more: str) -> Command:
        """Return a `manage.py` command."""
        command = [sys.executable, "manage.py", *arguments]
        return Command(arguments[0], command, ROOT, self.environment(**more))

    def processes(self) -> list[Command]:
        """Return what serves, in the order of starting."""
        return [
            self.simstripe(),
            self._simopenid(),
            self._granian("web", self.addresses.web),
            self._granian("backoffice", self.addresses.backoffice),
            self._celery("worker", *_WORKER),
            self._celery("beat", "beat", "--schedule", str(self.var_dir / "beat"), "--pidfile="),
        ]

    def simstripe(self) -> Command:
        """Return the Stripe stand-in; it keeps its data like the real one would."""
        return self._serving(
            "simstripe",
            "command",
            "manage.py",
            "simstripe",
            f"--port={self.addresses.stripe}",
            f"--data={self.var_dir / 'simstripe.sqlite3'}",
            f"--webhook-url={self.addresses.site_url}/webhooks/stripe",
            f"--webhook-secret={self.keys['STRIPE_WEBHOOK_SECRET']}",
        )

    def _simopenid(self) -> Command:
        port = f"--port={self.addresses.openid}"
        return self._serving("simopenid", "command", "manage.py", "simopenid", port)

    def _granian(self, name: str, port: int) -> Command:
        return self._serving(
            name,
            name,
            *("-m", "granian", "config.wsgi:application", "--interface", "wsgi"),
            *("--host", HOST, "--port", str(port), "--workers", "1"),
            *("--blocking-threads", THREADS, "--no-ws"),
            # An access log would hold the links of invitations, which let their holder in.
            *("--log-level", "warning", "--no-access-log", "--workers-kill-timeout", "5"),
        )

    def _celery(self, name: str, *arguments: str) -> Command:
        celery = ("-m", "celery", "--quiet", "-A", "config")
        return self._serving(name, name, *celery, *arguments)

    def _serving(self, name: str, process: str, *arguments: str) -> Command:
        log = self.var_dir / "log" / f"{name}.log"
        environment = self.environment(process)
        return Command(name, [sys.executable, *arguments], ROOT, environment, transcript=log)


_WORKER = (
    *("worker", "--queues", QUEUES, "--concurrency", "3"),
    # One worker has nobody to gossip with, and waiting for neighbours costs a second.
    *("--without-gossip", "--without-mingle"),
)
