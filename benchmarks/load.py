"""A load generator that costs little: keep-alive sockets, requests prepared as bytes.

It measures closed-loop throughput: each connection sends, waits for the answer, sends again.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What a run gave: answers a second, latency in milliseconds, and what was not 2xx."""

    per_second: float
    p50: float
    p95: float
    failures: dict[str, int]


def request(
    method: str, url: str, *, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """Prepare one request's bytes."""
    parts = urlsplit(url)
    lines = [f"{method} {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def run(url: str, requests: list[bytes], *, connections: int, seconds: float) -> Load:
    """Send `requests` in turn over `connections` sockets for `seconds`."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    selector = selectors.DefaultSelector()
    sockets = [socket.create_connection(address) for _ in range(connections)]
    latencies: list[float] = []
    failures: Counter[str] = Counter()
    turn = 0
    sent_at: dict[socket.socket, float] = {}
    for connection in sockets:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        turn = _send(connection, requests, turn, sent_at)
    ends = time.perf_counter() + seconds
    started = time.perf_counter()
    while time.perf_counter() < ends:
        for key, _ in selector.select(timeout=1):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            answer = _receive(connection)
            latencies.append(time.perf_counter() - sent_at[connection])
            if not answer.startswith(b"HTTP/1.1 2"):
                failures[answer.split(b"\r\n", 1)[0].decode()] += 1
            turn = _send(connection, requests, turn, sent_at)
    elapsed = time.perf_counter() - started
    for connection in sockets:
        connection.close()
    latencies.sort()
    count = max(len(latencies), 1)
    return Load(
        per_second=len(latencies) / elapsed,
        p50=latencies[count // 2] * 1000,
        p95=latencies[int(count * 0.95)] * 1000,
        failures=dict(failures),
    )


def _send(
    connection: socket.socket, requests: list[bytes], turn: int, sent_at: dict[socket.socket, float]
) -> int:
    sent_at[connection] = time.perf_counter()
    connection.sendall(requests[turn % len(requests)])
    return turn + 1


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    head, separator, rest = received.partition(b"\r\n\r\n")
    while not separator:
        received += connection.recv(65536)
        head, separator, rest = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(rest) < length:
        rest += connection.recv(65536)
    return head
