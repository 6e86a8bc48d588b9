"""The embedded Redis: one private server that never evicts."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded.launching import Command
from config.embedded.places import Place
from config.embedded.ports import HOST
from config.embedded.state import write_private

USUAL_PORT = 63799


@dataclass
class Redis:
    """One server with its files in one folder."""

    place: Place
    port: int
    password: str = field(repr=False)
    log: Path
    fast: bool = False
    name: str = "redis"

    @property
    def home(self) -> Path:
        """Return the folder of its configuration and its append-only file."""
        return self.place.root / "redis"

    @property
    def _configuration(self) -> Path:
        return self.home / "redis.conf"

    def prepare(self) -> None:
        """Write the configuration: a password on the command line would be public."""
        self.place.make_folder("redis")
        lines = [
            f"bind {HOST}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"dir {_quoted(self.home)}",
            f"pidfile {_quoted(self.home / 'redis.pid')}",
            "daemonize no",
            "set-proc-title no",
            "databases 64",
            "maxmemory-policy noeviction",
            'save ""',
            f"appendonly {'no' if self.fast else 'yes'}",
            "appendfsync everysec",
        ]
        write_private(self._configuration, "\n".join(lines) + "\n")
        self.place.give(self._configuration)

    def command(self) -> Command:
        """Return the server's command."""
        return Command(
            name=self.name,
            arguments=[self.place.binaries.redis_server, self._configuration],
            directory=self.home,
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            account=self.place.account,
            log=self.log,
        )

    def read_pid(self) -> int | None:
        """Return the pid in the server's own pid file."""
        try:
            text = (self.home / "redis.pid").read_text().strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdigit() else None

    def is_ready(self) -> bool:
        """Say whether the server answers us with PONG; it does not while it loads its data."""
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def url(self) -> str:
        """Return the URL of database 0."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
