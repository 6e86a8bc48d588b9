"""A relay before Redis that lets everything in, and answers out only while it is told to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from urllib.parse import urlsplit


@dataclass
class Relay:
    url: str
    answering: Event = field(default_factory=Event)


@contextmanager
def relaying(url: str) -> Iterator[Relay]:
    """Yield a relay to the Redis at `url`. Others who use that Redis notice nothing of it."""
    target = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        who = target.netloc.rpartition("@")[0]
        relay = Relay(target._replace(netloc=f"{who}@127.0.0.1:{port}").geturl())
        relay.answering.set()
        Thread(
            target=_accept, args=(server, target.hostname, target.port, relay), daemon=True
        ).start()
        yield relay
        relay.answering.set()
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, host: str, port: int, relay: Relay) -> None:
    through = Event()
    through.set()
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        redis = socket.create_connection((host, port))
        Thread(target=_pump, args=(client, redis, through), daemon=True).start()
        Thread(target=_pump, args=(redis, client, relay.answering), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, gate: Event) -> None:
    with source:
        try:
            while data := source.recv(65536):
                gate.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
