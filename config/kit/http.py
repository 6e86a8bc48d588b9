"""Outgoing HTTP to addresses that customers name: bounded, and never into our own network."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from config.kit.errors import DomainError, GatewayError

_PORTS = {443, 8443}
_LIMIT = 64 * 1024
_TIMEOUT = httpx.Timeout(5.0)
# Ranges that `is_global` lets pass on some Python versions although they lead inwards.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/4",
        "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16",
        "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(DomainError):
    code = "address_refused"
    status = 422
    message = "This address is not allowed. Use a public https address on port 443 or 8443."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said; the body is cut at 64 KiB."""

    status: int
    body: bytes


def is_public(address: Address) -> bool:
    """True when packets to `address` leave for the internet, whatever form it is written in."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast:
        return False
    return not any(
        address.version == network.version and address in network for network in _REFUSED
    )


def resolve(url: str) -> tuple[str, int, Address]:
    """Return host, port and one checked address of `url`; refuse unless every address is public."""
    parts = urlsplit(url)
    try:
        port = parts.port or 443
    except ValueError as error:
        raise AddressRefused from error
    host = parts.hostname or ""
    if parts.scheme != "https" or not host or parts.username or port not in _PORTS:
        raise AddressRefused
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused("This host name does not resolve.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    if not settings.OUTGOING_ALLOW_PRIVATE and not all(map(is_public, addresses)):
        raise AddressRefused
    return host, port, addresses[0]


def post(url: str, *, body: bytes, headers: dict[str, str]) -> Answer:
    """POST to a customer's address: resolved once, checked, connected to what was checked.

    No redirects, 5 s, 64 KiB. Raises `AddressRefused`, or `GatewayError` (retryable) when the
    other side does not answer.
    """
    host, port, address = resolve(url)
    literal = f"[{address}]" if address.version == 6 else str(address)
    parts = urlsplit(url)
    target = f"https://{literal}:{port}{parts.path or '/'}" + (
        f"?{parts.query}" if parts.query else ""
    )
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST",
                target,
                content=body,
                headers={**headers, "Host": host if port == 443 else f"{host}:{port}"},
                extensions={"sni_hostname": host},
            ) as response,
        ):
            return Answer(response.status_code, _bounded(response))
    except httpx.HTTPError as error:
        raise GatewayError(str(error), retryable=True) from error


def _bounded(response: httpx.Response) -> bytes:
    received = bytearray()
    for chunk in response.iter_bytes():
        received += chunk
        if len(received) >= _LIMIT:
            break
    return bytes(received[:_LIMIT])
