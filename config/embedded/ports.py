"""Free ports of this machine: the usual one, or the next that nobody holds."""

from __future__ import annotations

import socket
from collections.abc import Container

from config.embedded.launching import EmbeddedError

HOST = "127.0.0.1"
TRIES = 200


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port now."""
    for address in (HOST, ""):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def first_free(preferred: int, *, taken: Container[int] = ()) -> int:
    """Return the preferred port or the next free one that is not promised to another."""
    for port in range(preferred, preferred + TRIES):
        if port not in taken and is_free(port):
            return port
    raise EmbeddedError(f"No free port between {preferred} and {preferred + TRIES}.")


def answers(port: int) -> bool:
    """Say whether something accepts connections on this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
