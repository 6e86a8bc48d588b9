"""Outgoing HTTP to addresses that customers name: bounded, and never into our own network."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx
from django.conf import settings

from config.kit.errors import DomainError, GatewayError

SECONDS = 5.0
"""All that one call may take: name, connection, handshake, request and answer together."""

LIMIT = 64 * 1024
_PORTS = {443, 8443}
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,2048}")
# Ranges that `is_global` lets pass on some Python versions although they lead inwards. Of IPv6,
# all but 2000::/3: nothing else is given out to the internet (fec0::/10 and 5f00::/16 stay inside).
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/4",
        "240.0.0.0/4", "::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16",
        "3fff::/20",
    )
)  # fmt: skip
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(DomainError):
    code = "address_refused"
    status = 422
    message = "This address is not allowed. Use a public https address on port 443 or 8443."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; the body is cut at 64 KiB, header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """A checked place to call: the name it goes by and the one address it is reached at."""

    url: str
    host: str
    port: int
    address: Address


def is_public(address: Address) -> bool:
    """True when packets to `address` leave for the internet, whatever form it is written in."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast:
        return False
    return not any(
        address.version == network.version and address in network for network in _REFUSED
    )


def resolve(url: str, *, seconds: float = SECONDS) -> Target:
    """Check `url` and every address its name has now; raise `AddressRefused` unless all may be called.

    An operator may permit networks of their own (OUTGOING_PERMITTED_NETWORKS): there, and only
    there, plain http and any port are allowed too.
    """
    parts, port = _parts(url)
    host = (parts.hostname or "").lower()
    addresses = _look_up(host, port, seconds)
    if not all(_is_permitted(address) for address in addresses):
        if parts.scheme != "https" or port not in _PORTS:
            raise AddressRefused
        if not all(is_public(address) or _is_permitted(address) for address in addresses):
            raise AddressRefused
    return Target(url, host, port, addresses[0])


def post(url: str, *, body: bytes, headers: dict[str, str]) -> Answer:
    """POST to a customer's address: resolved once, checked, connected to what was checked.

    No redirects, 5 s in all, 64 KiB. Raises `AddressRefused`, or `GatewayError` (retryable) when
    the other side does not answer; its code is one of dns_timeout, timeout, tls_failed,
    connection_failed, invalid_response.
    """
    deadline = time.monotonic() + SECONDS
    target = resolve(url)
    backend = _Backend(target.address, deadline)
    lines = [("Host", _authority(target)), *headers.items()]
    try:
        with httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend) as pool:
            return _exchange(pool, target, lines, body)
    except httpcore.TimeoutException as error:
        raise GatewayError("No answer in time.", retryable=True, code="timeout") from error
    except httpcore.ConnectError as error:
        code = "tls_failed" if "SSL" in str(error) else "connection_failed"
        raise GatewayError(str(error)[:200], retryable=True, code=code) from error
    except httpcore.ProtocolError as error:
        raise GatewayError(str(error)[:200], retryable=True, code="invalid_response") from error
    except (httpcore.NetworkError, OSError) as error:
        raise GatewayError(str(error)[:200], retryable=True, code="connection_failed") from error


def _parts(url: str) -> tuple[SplitResult, int]:
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise AddressRefused
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressRefused from error
    is_http = parts.scheme in ("https", "http")
    if not is_http or not parts.hostname or parts.username is not None or not port:
        raise AddressRefused
    return parts, port


def _look_up(host: str, port: int, seconds: float) -> list[Address]:
    """Ask for the addresses of a name, in a thread: the system's own resolver has no deadline."""
    asked = _resolvers().submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = asked.result(timeout=seconds)
    except NoAnswer as error:
        raise GatewayError(
            "The name server is silent.", retryable=True, code="dns_timeout"
        ) from error
    except (OSError, UnicodeError) as error:
        raise AddressRefused("This host name does not resolve.") from error
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _is_permitted(address: Address) -> bool:
    networks = [ipaddress.ip_network(text) for text in settings.OUTGOING_PERMITTED_NETWORKS]
    return any(address.version == network.version and address in network for network in networks)


def _exchange(
    pool: httpcore.ConnectionPool, target: Target, lines: list[tuple[str, str]], body: bytes
) -> Answer:
    extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)}
    raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in lines]
    raw.append((b"Content-Length", str(len(body)).encode()))
    with pool.stream(
        "POST", target.url, headers=raw, content=body, extensions=extensions
    ) as response:
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in response.headers
        )
        return Answer(response.status, headers, _bounded(response.iter_stream()))


def _bounded(chunks: Iterable[bytes]) -> bytes:
    received = bytearray()
    for chunk in chunks:
        received += chunk
        if len(received) >= LIMIT:
            break
    return bytes(received[:LIMIT])


def _authority(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    usual = 443 if target.url.lower().startswith("https:") else 80
    return host if target.port == usual else f"{host}:{target.port}"


@lru_cache(maxsize=1)
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolver")


@lru_cache(maxsize=1)
def _tls() -> Any:
    """Trust the public authorities, or the operator's own (OUTGOING_CA_FILE)."""
    context = httpx.create_ssl_context(trust_env=False)
    if settings.OUTGOING_CA_FILE:
        context.load_verify_locations(settings.OUTGOING_CA_FILE)
    return context


class _Backend(httpcore.NetworkBackend):
    """Connects to the checked address, whatever the name has become meanwhile, until a deadline."""

    def __init__(self, address: Address, deadline: float) -> None:
        self._address = address
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        stream = httpcore.SyncBackend().connect_tcp(str(self._address), port, timeout=left)
        return _Stream(stream, self._deadline)


class _Stream(httpcore.NetworkStream):
    """A stream whose every step gets what is left of the one deadline: drops do not add up."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: float, late: type[Exception]) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise late("The call has taken all its time.")
    return seconds
